"""reStructuredText: docutils' structure, and what is Sphinx's kept as far as it says something."""

from __future__ import annotations

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docward.converter.conversion import convert

RST = "text/x-rst"


def converted(text: str):
    return convert(text.encode(), RST, document_id="d")


def test_structure_metadata_and_marks(sound):
    done = converted(
        "Momentum\n========\n\n:Version: 1.2\n\nBuy *at* **once** ``x`` when :math:`a_b` [1]_ says |so|.\n\n"
        ".. |so| replace:: so\n\n.. [1] Daily.\n\nLimits\n------\n\n.. math::\n\n   c = \\frac{a}{b}\n\n"
        "1. a\n\n   - b\n\n2. c\n\nTick\n  smallest move\n"
    )
    assert done.markdown == (
        "# Momentum\n\n**Version**: 1.2\n\nBuy *at* **once** `x` when $a_b$ [^1] says so.\n\n[^1]: Daily.\n\n"
        "## Limits\n\n$$\nc = \\frac{a}{b}\n$$\n\n1. a\n   - b\n2. c\n\n**Tick**: smallest move\n"
    )
    assert (done.ir.title, done.ir.metadata["version"]) == ("Momentum", "1.2")
    assert done.report.warnings == ()
    sound(done)


def test_tables(sound):
    done = converted("+---+---+\n| A | B |\n+===+===+\n| 1 | 2 |\n|   +---+\n|   | 3 |\n+---+---+\n")
    assert done.markdown == "| A | B |\n| --- | --- |\n| 1 | 2 |\n| 1 | 3 |\n"
    sound(done)


def test_roles_and_directives_of_sphinx_keep_their_text(sound):
    done = converted(
        "See :ref:`the cap <cap>` and :py:func:`size`.\n\n.. code-block:: python\n   :linenos:\n\n   x = 1\n\n"
        ".. versionadded:: 1.2\n   A floor.\n\n.. unheard-of:: arg\n\n   body\n\n.. toctree::\n\n   a\n"
    )
    assert done.markdown == (
        "See the cap and size.\n\n```python\nx = 1\n```\n\nversionadded: 1.2 A floor.\n\n"
        "```\n.. unheard-of:: arg\n\n   body\n```\n"
    )
    assert [issue.message for issue in done.report.warnings] == ['Line 11: Unknown directive type "unheard-of".']
    sound(done)


def test_no_file_is_inserted_and_no_raw_text_passes(tmp_path):
    secret = tmp_path / "secret.txt"
    secret.write_text("hunter2")
    done = converted(
        f"Text.\n\n.. include:: {secret}\n\n.. raw:: html\n\n   <script>x</script>\n\n"
        f".. csv-table::\n   :file: {secret}\n\n.. literalinclude:: {secret}\n\n.. raw:: html\n   :file: {secret}\n"
    )
    assert "hunter2" not in done.markdown
    assert "<script>" not in done.markdown
    assert {item.what for item in done.report.dropped} >= {"directive include", "directive raw"}


PARTS = st.sampled_from(
    [
        "::",
        "\n\n",
        "\n   ",
        ".. ",
        "|",
        "`",
        "``",
        "*",
        "**",
        "_",
        "====",
        "----",
        ":ref:",
        "[1]_",
        "- ",
        "1. ",
        "x",
        "é",
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(PARTS, max_size=40))
def test_of_any_text_nothing_is_lost(sound, parts):
    sound(converted("Start.\n\n" + "".join(parts)))
