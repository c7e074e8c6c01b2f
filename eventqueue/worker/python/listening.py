"""Waiting for several descriptors: to read, and to write where something is still to be sent."""

import select

WAIT_MAX_S = 3600.0  # epoll refuses to wait for a month


class Listening:
    """One epoll. A descriptor is forgotten before it is closed."""

    def __init__(self) -> None:
        self._epoll = select.epoll()
        self._events: dict[int, int] = {}

    def add(self, fd: int) -> None:
        """Listen to one more."""
        self._epoll.register(fd, select.EPOLLIN)
        self._events[fd] = select.EPOLLIN

    def forget(self, fd: int) -> None:
        """Listen to it no more; one that is not listened to is none's concern."""
        if self._events.pop(fd, None) is not None:
            self._epoll.unregister(fd)

    def note(self, fd: int, *, is_all_sent: bool) -> None:
        """Wake when there is room to send, too, unless all is sent."""
        wanted = select.EPOLLIN | (0 if is_all_sent else select.EPOLLOUT)
        if self._events.get(fd, wanted) != wanted:
            self._epoll.modify(fd, wanted)
            self._events[fd] = wanted

    def wait(self, seconds: float | None) -> set[int]:
        """Return those that are ready, at once or within so many seconds, an hour at most; None: for however long."""
        return {fd for fd, _ in self._epoll.poll(None if seconds is None else min(seconds, WAIT_MAX_S))}

    def close(self) -> None:
        """Let go of them all."""
        self._epoll.close()
