"""What keeps a bench from running at all."""


class BenchUnavailable(Exception):  # noqa: N818 - reads as the sentence it carries
    """Something that the bench needs is not on this machine; the text says what, and what helps."""
