"""The training tables of all dataset groups: who was erased leaves them, and what left the log."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from pawsonalize.domain.errors import CorruptArtefact, NotFound
from pawsonalize.domain.events import owning_group
from pawsonalize.engine.upkeep.erased_archive import Watch
from pawsonalize.engine.upkeep.erasing import NamedErasure
from pawsonalize.storage.erasures import ErasedNames, Trouble
from pawsonalize.wings.out_of_core.training_table import TrainingTable, visitor_number


@dataclass(frozen=True, slots=True)
class TrainingTables:
    """The tables that have files."""

    groups: Callable[[], Sequence[str]]
    """The dataset groups that have files of a training table."""
    table: Callable[[str], TrainingTable]
    """The training table of a dataset group."""
    in_use: bool
    """Whether trainings read them. If not, a table goes as soon as anything in it has to."""

    def purge(self, erasures: Sequence[NamedErasure], watch: Watch) -> Iterator[Trouble]:
        """Take erased visitors out of all files; yields what cannot be read."""
        for group in self.groups():
            about = [one for one in erasures if one.erasure.dataset_group == owning_group(group)]
            if not about:
                continue
            table = self.table(group)
            try:
                if not self.in_use:
                    table.remove()
                for one in about if self.in_use else ():
                    table.purge(_numbers(one.names), one.erasure.through)
            except (CorruptArtefact, NotFound) as error:
                # It is made of the log, so it can be made anew.
                table.remove()
                yield Trouble(f"training table of {group}", f"{error.message}: it is made anew")
            watch("training table changed")

    def tidy(self) -> None:
        """Let go what left the log, and tables that are not used or whose log has changed."""
        for group in self.groups():
            self.table(group).tidy(in_use=self.in_use)


def _numbers(names: ErasedNames) -> set[int]:
    users = {visitor_number(user, None) for user in names.users}
    return users | {visitor_number(None, session) for session in names.sessions}
