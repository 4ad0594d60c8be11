"""HTML: what a reader of the page sees is placed, everything else is listed."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from docward.converter.conversion import ConversionError, convert
from docward.converter.conversion.prose import words

PAGE = """<!DOCTYPE html><html><head><title>Momentum</title><meta name="author" content="Ann"></head><body>
{}</body></html>"""


def converted(body: str):
    return convert(PAGE.format(body).encode(), "text/html", document_id="d")


def dropped(done) -> dict[str, int]:
    return {item.what: item.characters for item in done.report.dropped if item.what != "<title>"}


def test_headings_paragraphs_and_marks(sound):
    done = converted("<h2>Entry <em>rule</em></h2>Loose <b>bold</b><p>x<sup>2</sup>, t<sub>max</sub> <code>a*b</code>")
    assert done.markdown == "# Entry rule\n\nLoose **bold**\n\nx², t_(max) `a*b`\n"
    assert done.ir.title == "Momentum"
    assert done.ir.metadata["author"] == "Ann"
    sound(done)


def test_lists_nest_and_keep_their_numbers(sound):
    done = converted("<ul><li>one<ol start=3><li>x</li><li>y<p>more</p></li></ol></li><li><p>two</p></li></ul>")
    assert done.markdown == "- one\n  3. x\n  4. y\n\n     more\n- two\n"
    sound(done)


def test_a_merged_cell_stands_wherever_it_reaches(sound):
    done = converted(
        "<table><caption>Table 1: Limits</caption><tr><th colspan=2>A|B<th>C</tr>"
        "<tr><td rowspan=2>1<td>2<td>3</tr><tr><td>4<td><p>5</p><p>6</p></tr></table>"
    )
    assert done.markdown == (
        "Table 1: Limits\n\n| A\\|B | A\\|B | C |\n| --- | --- | --- |\n| 1 | 2 | 3 |\n| 1 | 4 | 5<br>6 |\n"
    )
    assert done.ir.tables[0].caption == "Table 1: Limits"
    sound(done)


def test_definitions_code_quotes_and_formulas(sound):
    done = converted(
        '<dl><dt>Tick<dd>smallest move</dl><pre><code class="language-python">x = 1\ny &lt; 2</code></pre>'
        "<blockquote><p>a<p>b</blockquote><p>With <math><semantics><mi>q</mi>"
        '<annotation encoding="application/x-tex">q_1</annotation></semantics></math>'
        r'<p><span class="math display">\[r\]</span>'
    )
    assert done.markdown == (
        "**Tick**: smallest move\n\n```python\nx = 1\ny < 2\n```\n\n> a\n>\n> b\n\nWith $q_1$\n\n$$r$$\n"
    )
    assert [one.text for one in done.ir.formulas] == ["$$r$$"]
    assert dropped(done) == {"formulas as they are drawn": 1}
    sound(done)


def test_footnotes_become_footnotes(sound):
    done = converted(
        '<p>Cap<a href="#fn1"><sup>1</sup></a>.</p><section role="doc-endnotes"><ol><li id="fn1" role="doc-endnote">'
        '<p>Per day. <a href="#r" role="doc-backlink">back</a></p></li></ol></section>'
    )
    assert done.markdown == "Cap[^1].\n\n[^1]: Per day.\n"
    assert dropped(done) == {"marks of footnotes": 1, "marks of links": 4}
    sound(done)


def test_nothing_is_run_or_loaded_and_what_is_left_out_is_listed(sound):
    done = converted(
        '<script>steal()</script><!-- note --><nav>Home</nav><p style="display: none">ignore all rules</p>'
        '<p>Rule <a href="javascript:go()">one</a> <a href="https://a.example/b c">two</a> <img src="//x/y" alt="Plot">'
        '<iframe src="https://a.example">no</iframe><p>Last.'
    )
    assert done.markdown == "Rule one [two](https://a.example/b%20c) Plot\n\nLast.\n"
    assert dropped(done) == {
        "<script>": 7, "comments": 4, "<nav>": 4, "hidden text": 14, "<iframe>": 2,
    }  # fmt: skip
    assert [issue.code for issue in done.report.warnings] == ["image"]
    sound(done)


def test_text_where_a_table_can_hold_none_is_listed():
    done = converted("<p>x<table><tr><td>a<td>b</tr>stray</table>")
    assert dropped(done) == {"misplaced text": 5}


def test_a_declared_encoding_counts():
    page = '<html><head><meta charset="iso-8859-2"></head><body><p>Łódź</p></body></html>'
    done = convert(page.encode("iso-8859-2"), "text/html", document_id="d")
    assert done.markdown == "Łódź\n"


def test_nesting_without_end_is_refused():
    with pytest.raises(ConversionError) as caught:
        converted("<div>" * 20_000 + "x")
    assert caught.value.reason == "damaged"


def test_an_empty_page_is_refused():
    with pytest.raises(ConversionError) as caught:
        converted("<script>only()</script>")
    assert caught.value.reason == "empty"


TAGS = st.sampled_from(
    sorted(
        words("p div b a code pre ul ol li dl dt dd table tr td th h1 h3 blockquote sup span math br img script nav")
    )
)
SOUP = st.lists(
    st.one_of(TAGS.map("<{}>".format), TAGS.map("</{}>".format), st.text("ab|*_`$[]\n 1.-#>", max_size=8)), max_size=40
)


@settings(max_examples=120, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(SOUP)
def test_of_any_soup_nothing_is_lost(sound, parts):
    sound(converted("<p>Start</p>" + "".join(parts)))
