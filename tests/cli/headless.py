"""The live screen without a terminal: keys are pressed, and nothing is drawn anywhere."""

from eventqueue.api.queue import Queue
from eventqueue.cli.screen.app import Top


class Headless(Top):
    """It draws on nothing."""

    def __init__(self, queue: Queue) -> None:
        super().__init__(queue, queue.glance())
        self.driver_class = self.get_driver_class()
