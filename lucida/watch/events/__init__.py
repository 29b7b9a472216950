"""Events: things followed through a clip, and what they do (enter, leave, jump, approach, stop, change colour)."""
