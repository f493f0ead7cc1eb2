"""The columns of every table as docs/imports.md lists them. `python -m tests.sheets.documented` prints them."""

from __future__ import annotations


def columns() -> str:
    """A section for each table."""
    # Imported here: Django is set up first where this is run by itself.
    from companies.sheets.tables import labels

    return "\n\n".join(_section(label) for label in labels())


def _section(label: str) -> str:
    from companies.sheets.checking import columns_of
    from companies.sheets.tables import model_of, resource_of

    model = model_of(label)
    lines = [f"### {str(model._meta.verbose_name_plural).capitalize()}", "", "| column | holds |", "|---|---|"]
    for name, meaning, is_required, is_key in columns_of(resource_of(model)):
        signs = "".join(sign for sign, holds in ((" \\*", is_required), (" †", is_key)) if holds)
        lines.append(f"| `{name}`{signs} | {meaning.replace('|', chr(92) + '|')} |")
    return "\n".join(lines)


if __name__ == "__main__":
    import django

    django.setup()
    print(columns())
