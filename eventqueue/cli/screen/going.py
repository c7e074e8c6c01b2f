"""The keys by which one goes through rows and lines; what shows these has the actions `go`, `page` and `end`."""

from textual.binding import Binding

GOING = (
    Binding("up,k", "go(-1)", show=False),
    Binding("down,j", "go(1)", show=False),
    Binding("pageup", "page(-1)", show=False),
    Binding("pagedown", "page(1)", show=False),
    Binding("home,g", "end(-1)", show=False),
    Binding("end,G", "end(1)", show=False),
)
