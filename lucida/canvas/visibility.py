"""Who sees whom: the five visibilities of DESIGN section 4 as one vectorised rule.

| visibility | context sees | given part of i sees | answers of i see |
|---|---|---|---|
| strict | context | context, given i | context, given i, answers i |
| twin | context | context, given i | context, given i, answers i up to itself |
| block | context | context, given i | context, given i, answers i in its own or an earlier block |
| released | all | all | context, given i, answers i |
| full | all | all | all |
"""

from __future__ import annotations

import torch
from torch import Tensor

from lucida.canvas.span import Role, Visibility


def visible(visibility: Visibility, role: Tensor, group: Tensor, column: Tensor, block: Tensor) -> Tensor:
    """The dense visibility matrix of one canvas.

    Args:
        visibility: which table.
        role: (L,) values of :class:`Role`.
        group: (L,) group number, -1 in the context.
        column: (L,) index among the answer slots of the group (any value elsewhere).
        block: (L,) block number of an answer slot (any value elsewhere).

    Returns:
        bool (L, L), [query, key].
    """
    if visibility == "full":
        return torch.ones(len(role), len(role), dtype=torch.bool)
    q_role, k_role = role[:, None], role[None, :]
    same = group[:, None] == group[None, :]
    see_context = k_role == Role.CONTEXT
    see_given = (k_role == Role.GIVEN) & same
    see_answers = (k_role == Role.ANSWER) & same & answer_rule(visibility, column, block)
    answers = see_context | see_given | see_answers
    if visibility == "released":
        return torch.where(q_role == Role.ANSWER, answers, torch.ones_like(answers))
    given = see_context | see_given
    return torch.where(q_role == Role.CONTEXT, see_context, torch.where(q_role == Role.GIVEN, given, answers))


def answer_rule(visibility: Visibility, column: Tensor, block: Tensor) -> Tensor:
    """Which answer slots see which inside one group: bool (L, L) for columns and blocks of shape (L,)."""
    if visibility == "twin":
        return column[None, :] <= column[:, None]
    if visibility == "block":
        return block[None, :] <= block[:, None]
    return torch.ones(len(column), len(column), dtype=torch.bool)
