"""What is said to somebody for whom no sheet is left."""

from typing import Any

from microtome.objects.sets import ProposalSets
from microtome.project import Project
from microtome.project.sheets import Left, Order


def nothing_json(project: Project, order: Order, left: Left) -> dict[str, Any]:
    """No sheet, why, and whether the set is done; a command stands between backquotes."""
    done = left.open == 0
    return {"sheet": None, "done": done, "reason": _what_next(project, order) if done else _who_has(left)}


def _who_has(left: Left) -> str:
    parts = []
    if left.elsewhere:
        parts.append(f"{_counted(left.elsewhere, 'is', 'are')} open on other people's pages")
    if left.others:
        parts.append(f"{_counted(left.others, 'waits', 'wait')} for somebody else's opinion")
    return f"{' and '.join(parts)}." if parts else "What you said last is being saved."


def _counted(n: int, one: str, many: str) -> str:
    return f"1 object {one}" if n == 1 else f"{n} objects {many}"


def _what_next(project: Project, order: Order) -> str:
    if not project.journal.verdicts.queries(order.proposals):
        return "Every audit has been handed out."
    decided, folder = f"Every object of proposals {order.proposals} is decided.", project.root.name
    newer = _newer(project, order.proposals)
    if newer:
        return f"{decided} Proposals {newer} are there to be judged, too: `microtome proofread {folder}`"
    return f"{decided} Next: `microtome objects propagate {folder}` and `microtome objects train {folder}`"


def _newer(project: Project, proposals: str) -> str | None:
    """The latest set after this one of which objects were asked for."""
    later = [name for name in ProposalSets(project.root).names() if int(name) > int(proposals)]
    asked = [name for name in later if project.journal.verdicts.queries(name)]
    return asked[-1] if asked else None
