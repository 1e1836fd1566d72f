"""Formulas as MathML: what a browser would leave out, or set apart, is mended."""

import pytest
from book_page.formulas import mathml
from bs4 import BeautifulSoup


def formula(tex: str, display: str = "inline") -> BeautifulSoup:
    return BeautifulSoup(mathml(tex, display), "html.parser")


def test_a_word_in_an_index_is_one_word_and_two_letters_are_two():
    assert [letter.text for letter in formula("W_{query}").select("mi")] == ["W", "query"]
    assert [letter.text for letter in formula("a_{ij} x y z").select("mi")] == list("aijxyz")
    assert [letter.text for letter in formula("d_{ff}").select("mi")] == ["d", "ff"]


def test_a_transposed_matrix_has_no_space_before_its_sign():
    assert formula(r"K^{\top}").select_one("msup").text == "K⊤"
    assert not formula(r"K^{\top}").select("mo")


def test_brackets_grow_with_their_own_matrix_alone():
    tex = r"\begin{bmatrix} 1 & 2 \end{bmatrix} \begin{bmatrix} 3 \\ 4 \end{bmatrix} = 11"
    frames = formula(tex, "block").select("mrow > mrow")
    assert [frame.text for frame in frames] == ["[12]", "[34]"]


@pytest.mark.parametrize("tex", ["= -1", r"(-1)", r"\to -1"])
def test_a_sign_belongs_to_its_number(tex):
    assert formula(tex).find("mo", string="−")["form"] == "prefix"


@pytest.mark.parametrize("tex", ["a - 1", "(a) - 1", r"\dots - 1", r"\lVert x \rVert - 1"])
def test_a_difference_is_no_sign(tex):
    assert not formula(tex).find("mo", string="−").get("form")


def test_a_function_stands_apart_from_its_argument():
    assert formula(r"a \log p").select("mi + mspace + mi + mspace + mi")
    assert not formula(r"\cos(x)").select("mspace")


def test_norms_are_as_high_as_their_letter_unless_they_embrace_more():
    assert formula(r"\lVert x \rVert").mo["stretchy"] == "false"
    assert formula(r"\left\lVert x \right\rVert").mo["stretchy"] == "true"


def test_a_sum_has_its_index_below_where_there_is_room():
    assert formula(r"\left(\sum_j x_j\right)", "block").select_one("munder").text == "∑j"


def test_an_underscore_in_words_is_one():
    assert formula(r"\text{seq\_len}").mtext.text == "seq_len"


def test_an_unknown_command_is_an_error():
    with pytest.raises(ValueError, match=r"commands that latex2mathml knows, got \\nonsense"):
        mathml(r"\nonsense x", "inline")
