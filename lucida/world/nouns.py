"""The noun table: which emoji the world may draw, and the one plain English noun a person would use for each.

Only single code points, only things: no faces, people, hands, flags, signs or symbols. Nouns are countable,
singular, lower case, one or two words, unique, and never contain a colour word (colour is given by the ramp,
see palette.py). Order matters: of two entries that look alike the legibility rule keeps the first (see
legibility.py).
"""

from __future__ import annotations

from functools import cache

GROUPS: dict[str, str] = {
    "animals": """
        1F98A fox, 1F415 dog, 1F408 cat, 1F404 cow, 1F416 pig, 1F40E horse, 1F411 sheep, 1F410 goat,
        1F407 rabbit, 1F401 mouse, 1F418 elephant, 1F42A camel, 1F992 giraffe, 1F993 zebra, 1F405 tiger,
        1F981 lion, 1F43B bear, 1F43C panda, 1F428 koala, 1F412 monkey, 1F98D gorilla, 1F998 kangaroo,
        1F98C deer, 1F98F rhino, 1F99B hippo, 1F43A wolf, 1F994 hedgehog, 1F43F squirrel, 1F987 bat,
        1FACE moose, 1F984 unicorn, 1F409 dragon, 1F995 dinosaur, 1F996 tyrannosaurus, 1F40A crocodile,
        1F40D snake, 1F422 turtle, 1F438 frog, 1F413 rooster, 1F414 hen, 1F424 chick, 1F426 bird,
        1F427 penguin, 1F985 eagle, 1F986 duck, 1F9A2 swan, 1F989 owl, 1F9A9 flamingo, 1F99A peacock,
        1F99C parrot, 1F433 whale, 1F42C dolphin, 1F988 shark, 1F41F fish, 1F419 octopus, 1F980 crab,
        1F990 shrimp, 1FABC jellyfish, 1F41A seashell, 1F40C snail, 1F98B butterfly, 1F41D bee,
        1F41E ladybird, 1F577 spider""",
    "plants": """
        1F332 fir tree, 1F333 tree, 1F334 palm tree, 1F335 cactus, 1FAB4 potted plant, 1F33B sunflower,
        1F339 rose, 1F337 tulip, 1F341 maple leaf, 1F344 mushroom""",
    "food": """
        1F34E apple, 1F350 pear, 1F34A tangerine, 1F34B lemon, 1F34C banana, 1F349 watermelon,
        1F353 strawberry, 1F352 cherry, 1F351 peach, 1F34D pineapple, 1F345 tomato, 1F346 aubergine,
        1F951 avocado, 1F966 broccoli, 1FAD1 bell pepper, 1F33D corn cob, 1F955 carrot, 1F9C5 onion,
        1F950 croissant, 1F956 baguette, 1F968 pretzel, 1F95E pancake, 1F9C0 cheese, 1F969 steak,
        1F354 hamburger, 1F355 pizza slice, 1F32D hot dog, 1F96A sandwich, 1F32E taco, 1F95A egg,
        1F373 frying pan, 1F35C noodle bowl, 1F366 ice cream, 1F369 doughnut, 1F382 birthday cake,
        1F370 cake slice, 1F9C1 cupcake, 1F967 pie, 1F36C candy, 1F36D lollipop, 1F37C baby bottle,
        2615 coffee cup, 1FAD6 teapot, 1F964 paper cup, 1F37F popcorn box, 1F35F fries box, 1F944 spoon,
        1F3FA vase""",
    "vehicles": """
        1F697 car, 1F691 ambulance, 1F692 fire engine, 1F68C bus, 1F690 van, 1F69C tractor,
        1F6FB pickup truck, 1F3CD motorcycle, 1F6B2 bicycle, 1F682 steam train, 1F68B tram,
        1F6A0 cable car, 2708 airplane, 1F681 helicopter, 1F680 rocket, 1F6F8 flying saucer, 26F5 sailboat,
        1F6F6 canoe, 1F6FC roller skate, 1F6F3 ship""",
    "places": """
        1F3E0 house, 1F6D6 hut, 1F3F0 castle, 26EA church, 1F54C mosque, 26FA tent, 1F3AA circus tent,
        1F3A1 ferris wheel, 1F30B volcano, 26F0 mountain, 1F3DD island, 1F6A6 traffic light,
        1F6D1 stop sign, 1F30D globe, 1FA90 planet, 1F319 crescent moon, 2B50 star, 2600 sun, 2601 cloud,
        1F308 rainbow, 2744 snowflake, 26C4 snowman, 1F525 flame""",
    "clothing": """
        1F455 shirt, 1F457 dress, 1F9E3 scarf, 1F9E6 sock, 1F45E shoe, 1F97E hiking boot, 1F460 high heel,
        1F462 boot, 1F461 sandal, 1FA74 flip flop, 1F3A9 top hat, 1F452 sun hat, 1F9E2 cap, 1F451 crown,
        1F393 graduation cap, 26D1 helmet, 1F45C handbag, 1F392 backpack, 1F4BC briefcase, 1F9F3 suitcase,
        1F48D ring, 2602 umbrella""",
    "play": """
        26BD football, 1F3C0 basketball, 1F3C8 rugby ball, 26BE baseball, 1F3BE tennis ball,
        1F3D0 volleyball, 1F3B1 billiard ball, 1F94A boxing glove, 1F3AF dartboard, 1FA81 kite,
        1F9F8 teddy bear, 1F3B2 die, 1F9E9 puzzle piece, 1F3AE game controller, 1F3C6 trophy, 1F3C5 medal,
        1F388 balloon, 1F381 present, 1F383 pumpkin, 1F384 christmas tree, 1F3EE lantern, 1F380 bow,
        1F3A8 paint palette, 1F3B8 guitar, 1F3BB violin, 1F3B7 saxophone, 1F3BA trumpet, 1F941 drum,
        1FA97 accordion, 1FA89 harp, 1F3A4 microphone, 26F8 ice skate, 1FA82 parachute, 1F47B ghost,
        1F480 skull, 1F916 robot""",
    "objects": """
        1F4F7 camera, 1F4FA television, 1F4FB radio, 1F4F1 phone, 260E telephone, 1F4BB laptop,
        1F5A8 printer, 1F50C power plug, 1F4A1 light bulb, 1F526 torch, 1F56F candle, 1F4D6 open book,
        1F4D5 book, 1F4F0 newspaper, 2709 envelope, 1F4E6 parcel, 1F4EB mailbox, 1F4EE postbox,
        1F4C5 calendar, 270F pencil, 1F58C paintbrush, 1F4CF ruler, 1F512 padlock, 1F511 key, 1F528 hammer,
        1FA93 axe, 1FA9A saw, 1FA9B screwdriver, 1F527 spanner, 2699 gear, 1FA9C ladder, 1FA8F shovel,
        1F9F2 magnet, 1F9EA test tube, 1F52C microscope, 1F321 thermometer, 1F6AA door, 1FA91 chair,
        1F6CB sofa, 1F6CF bed, 1FA9F window, 1FA9E mirror, 1F6BD toilet, 1F6C1 bathtub, 1FAA5 toothbrush,
        1FAA3 bucket, 1F9F9 broom, 1F9FA basket, 1F9EF fire extinguisher, 1F6D2 shopping trolley,
        1F5D1 waste bin, 1F514 bell, 23F0 alarm clock, 231A watch, 231B hourglass, 2693 anchor,
        1F6DF life ring, 1F6E1 shield, 1F4B0 money bag, 1FA99 coin, 1F48E gem, 1F4E3 megaphone,
        1F50D magnifying glass, 1F5BC picture frame, 1F9F6 yarn ball, 1FAB6 feather, 1F9B4 bone,
        1F9B7 tooth, 1F9E0 brain, 1F6CD shopping bag""",
}  # fmt: skip


@cache
def noun_table() -> dict[str, str]:
    """``{code point in hex: noun}`` in table order, from every group."""
    table: dict[str, str] = {}
    for entries in GROUPS.values():
        for entry in entries.split(","):
            code, noun = entry.split(maxsplit=1)
            assert code not in table and noun not in table.values(), f"{code} {noun} twice in the noun table"
            table[code] = noun.strip()
    return table


@cache
def group_of() -> dict[str, str]:
    """``{noun: group}`` for every noun of the table."""
    return {
        entry.split(maxsplit=1)[1].strip(): group
        for group, text in GROUPS.items()
        for entry in text.split(",")
    }


# Artwork with writing on it is never mirrored.
NO_FLIP = frozenset({"stop sign", "calendar", "coin", "money bag"})

# Artwork whose largest fill is not the thing itself (water, sand) has no colour attribute, whatever the
# chroma rule says.
NO_COLOUR = frozenset({"sailboat", "ship", "island"})

# Things a small model can know well, those with photographic cut-outs first; none is held out of training.
COMMON_NOUNS = (
    "fox", "dog", "cat", "cow", "pig", "horse", "sheep", "rabbit", "elephant", "zebra", "tiger", "lion", "bear",
    "gorilla", "frog", "bird", "penguin", "duck", "owl", "fish", "tree", "palm tree", "rose", "mushroom", "tangerine",
    "lemon", "strawberry", "cherry", "pineapple", "avocado", "broccoli", "bell pepper", "carrot", "onion", "pie",
    "teapot", "car", "fire engine", "sailboat", "bicycle", "helicopter", "house", "castle", "planet", "shoe",
    "umbrella", "top hat", "football", "basketball", "teddy bear", "trophy", "balloon", "christmas tree", "guitar",
    "violin", "drum", "camera", "light bulb", "chair",
)  # fmt: skip
