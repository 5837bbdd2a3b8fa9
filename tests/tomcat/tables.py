"""What faults cost, as Markdown: the README quotes these tables."""


def table_of_one(costs, application):
    """All faults of one application."""
    rows = ["| | sessions lost | updates lost | failed requests | longest request |"]
    rows.append("|---|---|---|---|---|")
    for fault, totals in costs.items():
        each = totals[application]
        numbers = f"{each.sessions_lost} | {each.updates_lost} | {each.failed}"
        rows.append(f"| {fault} | {numbers} | {each.longest:.1f} s |")
    return "\n".join(rows)


def table_of_all(costs, names):
    """All applications, a line each: sessions + updates lost, longest request."""
    rows = ["| | " + " | ".join(costs) + " |", "|---" * (len(costs) + 1) + "|"]
    for application, name in names.items():
        cells = [_cell(totals[application]) for totals in costs.values()]
        rows.append(f"| {name} | " + " | ".join(cells) + " |")
    return "\n".join(rows)


def _cell(totals):
    undone = f" ({totals.logouts_undone} logouts undone)" if totals.logouts_undone else ""
    failed = f", {totals.failed} failed" if totals.failed else ""
    return f"{totals.sessions_lost} + {totals.updates_lost}{undone}{failed}, {totals.longest:.1f} s"
