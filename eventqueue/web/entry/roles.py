"""Who asks: in which role, and by what name."""

from enum import StrEnum

import msgspec


class Role(StrEnum):
    """What one may do: look, or look and act."""

    VIEWER = "viewer"
    OPERATOR = "operator"


class Visitor(msgspec.Struct, frozen=True):
    """Who asks; `user` is signed with what they do, as `web/<user>`."""

    role: Role
    user: str

    @property
    def may_act(self) -> bool:
        """Whether acts are theirs."""
        return self.role is Role.OPERATOR


def actor_of(user: str) -> str:
    """Return as who this user acts."""
    return f"web/{user}"
