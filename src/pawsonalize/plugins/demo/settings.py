"""Settings of a demo world: its size and its difficulty."""

import msgspec

from pawsonalize.core.errors import InvalidInput


class WorldSettings(msgspec.Struct, frozen=True):
    """Sizes and strengths of a world; the seed and the end are given to `generate`."""

    animals: int = 400
    """Animals available at the end, exactly."""
    adopters: int = 3_000
    """Users with an account."""
    days: int = 180
    """Days of events before the end."""
    events: int = 60_000
    """Events to aim at; a world comes within about a tenth of it."""
    shelters: int = 8
    """Shelters, 1 to 12."""
    page_size: int = 24
    """Animals on a page, 1 to 25 (an impression holds no more)."""
    guest_share: float = 0.3
    """Share of sessions by visitors who have no account."""
    late_login_share: float = 0.2
    """Share of an adopter's sessions that begin without the user's id and log in later."""
    no_login_share: float = 0.1
    """Share of an adopter's sessions in which the user never logs in."""
    bots: int = 4
    """Accounts that crawl the site: very many views, no taste."""
    bot_share: float = 0.03
    """Share of the events that are theirs, all bots together."""
    affinity: float = 1.0
    """Strength of personal affinities; 0 makes all adopters alike."""
    appeal: float = 0.6
    """Weight of what everybody likes, relative to the measured log hazards of adoption."""
    coherence: float = 1.0
    """Likeness of the next animal of a session to the one before; 0 is none."""
    position_bias: float = 0.7
    """Exponent: the animal at position k (from 0) is noticed with weight (k + 1) ** -bias."""
    revisit_rate: float = 0.1
    """Chance that the next view is of the same animal again."""
    online_adoption_share: float = 0.4
    """Share of adoptions that a logged-in visitor of the site is known to have made."""

    def __post_init__(self) -> None:
        sizes = (self.animals, self.adopters, self.days, self.events)
        if min(sizes) < 1 or not 1 <= self.page_size <= 25 or not 1 <= self.shelters <= 12:
            raise InvalidInput(
                "a world's sizes start at 1; a page holds 1 to 25 animals, a world 1 to 12 shelters"
            )
        shares = (
            self.guest_share,
            self.bot_share,
            self.late_login_share + self.no_login_share,
            self.revisit_rate,
            self.online_adoption_share,
        )
        if self.bots < 0 or min(shares) < 0 or max(shares) > 1 or self.bot_share == 1:
            raise InvalidInput("shares and rates of a world lie between 0 and 1")
