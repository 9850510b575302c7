"""The part of a path that is a user's id, where the path ends with it."""

from starlette.convertors import Convertor


class UserConvertor(Convertor[str]):
    """Any id, also one with `/` in it, but not what is the path of the user's history."""

    regex = "(?!.*/history$).+"

    def convert(self, value: str) -> str:
        """The id, as it is."""
        return value

    def to_string(self, value: str) -> str:
        """The id, as it is."""
        return value
