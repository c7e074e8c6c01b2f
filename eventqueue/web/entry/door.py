"""What is said to who does not come in, or finds nothing there: a page of one sentence, and what to do."""

from collections.abc import Mapping

from jinja2 import Environment
from starlette.responses import HTMLResponse, Response

ENTER = "/enter"  # where the form of this page is sent


class Door:
    """The page of one sentence."""

    def __init__(self, templates: Environment) -> None:
        self._template = templates.get_template("door.html")

    def says(
        self,
        status: int,
        sentence: str,
        *,
        link: str | None = None,
        asks_for: str | None = None,
        headers: Mapping[str, str] | None = None,
    ) -> Response:
        """Return it; `link`: where it goes on; `asks_for`: with a form for the token, to go there."""
        text = self._template.render(sentence=sentence, link=link, asks_for=asks_for, enter=ENTER)
        return HTMLResponse(text, status, headers)
