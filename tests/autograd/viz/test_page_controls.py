"""The controls of the page: the keyboard, the levels of detail, the quiz."""

from __future__ import annotations

import pytest

from autograd import Value
from autograd.graph import topological_order
from tests.support.browser import Open, cubic, focus_of, gradients_on, is_in_the_stage, network, press, window_of


def test_the_quiz_hides_gradients_and_checks_answers(open_page: Open) -> None:
    page = open_page(cubic())
    page.click("#quiz")
    assert page.locator(".b .g").all_text_contents() == ["grad ?", "grad ?", "grad ?", "grad ?", "grad 1"]
    assert gradients_on(page) == [None, None, None, None, None, 1]
    hint = page.get_by_text("Or select a box with a question mark.")
    assert hint.is_visible()
    page.click("#ask")
    assert hint.count() == 0
    assert page.locator("#panel h2").nth(1).inner_text() == "b**3"
    page.fill("#answer", "2")
    press(page, "Enter")
    assert page.locator("#verdict").inner_text().startswith("Not yet.")
    page.fill("#answer", "one")
    page.click("#check")
    assert page.locator("#verdict").inner_text().startswith("Please enter a number")
    page.fill("#answer", "3/3")
    press(page, "Enter")
    assert page.locator("#verdict").inner_text() == "Right: 1."
    assert page.locator("#score").inner_text() == "1 right, 3 of 4 to go"
    press(page, "Enter")  # the next question
    page.click("#reveal")
    assert page.locator("#score").inner_text() == "1 right, 2 of 4 to go"
    for name, answer in (("b", "8.0"), ("a", "2")):
        page.click("#ask")
        assert page.locator("#panel h2").nth(1).inner_text() == name
        page.fill("#answer", answer)
        page.click("#check")
    assert "All gradients found." in page.locator("#panel").inner_text()
    assert page.locator("#caption").inner_text().startswith("That was all of it.")
    page.click("#quiz")
    assert gradients_on(page) == [None] * 6


def test_the_quiz_begins_at_the_output_however_far_away_that_is(open_page: Open) -> None:
    y = Value(0.5, "x")
    for _ in range(12):
        y = y.sin()
    page = open_page(y)
    assert not is_in_the_stage(page, "#stage .b.output")
    press(page, "q")
    assert is_in_the_stage(page, "#stage .b.output")
    press(page, "Home")  # does nothing here
    page.click("#quiz-local")
    assert is_in_the_stage(page, "#stage .b.output")


def test_the_quiz_takes_inf_and_nan(open_page: Open) -> None:
    x, y = Value(0.0, "x"), Value(1.0, "y")
    root = x.log() * y + y
    root.label = "z"
    page = open_page(root)
    typed = {
        "inf": "Infinity",
        "-Inf": "-Infinity",
        "Infinity": "Infinity",
        "−∞": "-Infinity",
        " nan ": "NaN",
        "−1/4": "-0.25",
    }
    typed |= dict.fromkeys(("one", "1//2", "", "infinite"), "undefined")
    assert page.evaluate("texts => texts.map((text) => String(parse(text)))", list(typed)) == list(typed.values())
    assert not page.evaluate("agrees(5, Infinity) || agrees(5, NaN) || agrees(NaN, 5) || agrees(Infinity, -Infinity)")
    press(page, "?")
    press(page, "q")
    assert page.evaluate("document.getElementById('panel').scrollTop") == 0
    gradients = {"log(x)*y": "1", "log(x)": "1", "x": "inf", "y": "-inf"}
    for _ in range(4):
        page.click("#ask")
        answer = gradients.pop(page.locator("#selected").inner_text().split(" = ")[-1])
        page.fill("#answer", answer)
        press(page, "Enter")
        assert page.locator("#verdict").inner_text() == f"Right: {answer}."


def test_the_quiz_goes_to_the_numbers_or_says_why_there_is_none(open_page: Open) -> None:
    page = open_page(network())
    page.click("#levels >> text=layer")
    page.click("#quiz")
    assert page.locator("#levels [aria-checked=true]").inner_text() == "number"
    assert page.locator("#quiz").get_attribute("aria-pressed") == "true"
    page = open_page(network(), max_nodes=20)
    assert page.locator("#quiz").is_disabled()
    assert page.locator("#quiz").get_attribute("title").endswith(" numbers are too many for a box each.")
    press(page, "q")
    assert page.locator("#panel h2").inner_text() == "How to read this"


def test_everything_can_be_done_with_the_keyboard(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "ArrowRight", 9)
    press(page, "ArrowLeft")
    assert page.locator("#count").inner_text() == "backward 4 of 5"
    press(page, "g")
    title = "() => document.activeElement.querySelector('.t').textContent"
    walked = [page.evaluate(title)]
    for key in ("ArrowLeft", "ArrowLeft", "ArrowDown", "ArrowRight", "ArrowUp"):
        press(page, key)
        walked.append(page.evaluate(title))
    assert walked[0] == "c = a*b + b**3"
    assert len(set(walked)) >= 4
    press(page, "Enter")
    assert page.locator("#panel h2").inner_text() == walked[-1]
    press(page, "p")
    assert page.locator("svg.paths").count() == 1
    press(page, "Escape")
    assert page.locator("#panel h2").inner_text() == "How to read this"
    press(page, "Home")
    assert page.locator("#count").inner_text() == "forward 0 of 3"
    press(page, "q")
    assert page.locator("#quiz").get_attribute("aria-pressed") == "true"
    press(page, "q")
    press(page, "t")
    assert page.evaluate("document.documentElement.dataset.theme") == "dark"
    press(page, "?")
    assert page.evaluate("document.activeElement.id") == "keys"
    seen = window_of(page)
    press(page, "+")
    assert window_of(page) != seen
    press(page, "0")
    assert window_of(page) == seen


def test_steps_go_on_with_a_control_in_focus(open_page: Open) -> None:
    page = open_page(network())
    for control in ("speed", "position", "next", "follow"):
        page.focus(f"#{control}")
        press(page, "Home")
        press(page, "ArrowRight", 2)
        press(page, "ArrowLeft")
        assert page.evaluate("app.position") == 1
        assert focus_of(page) == control
    assert page.locator("#speed").input_value() == "900"
    page.click("#position")
    press(page, " ")
    assert page.locator("#play").get_attribute("aria-label") == "Pause"
    press(page, "q")
    assert page.locator("#quiz").get_attribute("aria-pressed") == "true"


def test_levels_are_one_stop_of_tab_and_arrow_keys_choose(open_page: Open) -> None:
    page = open_page(network())
    page.click("#levels >> text=layer")
    press(page, "ArrowRight", 2)  # after a click they step
    assert page.evaluate("[app.level, app.position]") == [1, 2]
    assert page.locator("#levels button").evaluate_all("all => all.map((b) => b.tabIndex)") == [-1, 0, -1, -1]
    page.focus("#learn")
    page.keyboard.press("Shift+Tab")
    for level in (2, 3, 0):
        press(page, "ArrowRight")
        assert page.evaluate("app.level") == level
        assert page.evaluate("document.activeElement.getAttribute('aria-checked')") == "true"


def test_the_nudge_has_its_own_arrow_keys(open_page: Open) -> None:
    page = open_page(cubic())
    page.locator(".b", has_text="data 2").focus()
    press(page, "Enter")
    page.focus("#nudge")
    old = page.locator("#nudge").get_attribute("aria-valuetext")
    press(page, "ArrowRight")
    assert page.evaluate("app.position") == 0
    assert (old, page.locator("#nudge").get_attribute("aria-valuetext")) == ("+0.25", "+0.5")


def test_the_focus_is_never_lost(open_page: Open) -> None:
    page = open_page(cubic())
    press(page, "g")
    press(page, "Enter")
    press(page, "Escape")
    assert focus_of(page) == "c = a*b + b**3"
    press(page, "Escape")
    assert focus_of(page) == "play"
    press(page, "g")
    press(page, "Enter")
    page.focus("#panel .link")
    press(page, "Enter")
    assert focus_of(page) == "c = a*b + b**3"
    press(page, "q")
    page.click("#ask")
    page.click("#reveal")
    assert focus_of(page) == "ask"
    page.click("#ask")
    asked = page.locator("#selected").inner_text()
    press(page, "Escape")
    assert focus_of(page) == asked
    for _ in range(3):
        page.click("#ask")
        page.click("#reveal")
    assert focus_of(page) == "quiz"


def test_another_level_keeps_the_place_and_the_selection(open_page: Open) -> None:
    page = open_page(network())
    page.click("#levels >> text=number")
    press(page, "ArrowRight", 12)
    press(page, "0")  # all is in sight
    page.locator("svg.graph:not([hidden]) .b", has_text="z²₁").first.click()
    seen = page.evaluate("[app.position, app.selected]")
    assert seen[0] == 12
    page.click("#levels >> text=neuron")
    assert 0 < page.evaluate("app.position") < page.evaluate("app.walk.start")
    assert "2" in page.locator("#panel h2").inner_text()
    assert page.locator("svg.graph:not([hidden]) .b.sel").count() == 1
    page.click("#levels >> text=number")
    assert page.evaluate("[app.position, app.selected]") == seen
    for place in ("0", "app.walk.start - 1", "app.walk.start", "app.walk.length"):
        page.evaluate(f"app.go({place})")
        for level in ("model", "layer", "neuron", "number"):
            page.click(f"#levels >> text={level}")
            assert page.evaluate(f"app.position === {place}")


IN_VIEW = """() => [...document.querySelectorAll("svg.graph:not([hidden]) .b")].findIndex(box => {
    const { left, top, right, bottom } = box.getBoundingClientRect(), stage = box.closest("main, #stage, body");
    const view = stage.getBoundingClientRect();
    return left >= view.left && right <= view.right && top >= view.top && bottom <= view.bottom;
})"""


def test_a_network_can_be_seen_by_model_layer_neuron_and_number(open_page: Open) -> None:
    page = open_page(network())
    assert page.locator("#levels button").all_inner_texts() == ["model", "layer", "neuron", "number"]
    sizes = []
    for level in ("model", "layer", "neuron", "number"):
        page.click(f"#levels >> text={level}")
        press(page, "End")
        assert page.locator("svg.graph:not([hidden]) .b.off").count() == 0
        sizes.append(page.locator("svg.graph:not([hidden]) .b").count())
        page.locator("svg.graph:not([hidden]) .b").nth(page.evaluate(IN_VIEW)).click()
        assert page.locator("#panel h2").count() == 1
    assert sizes == sorted(sizes)
    assert sizes[-1] == len(topological_order(network()))


def test_play_runs_to_the_end_and_pauses(open_page: Open) -> None:
    page = open_page(cubic())
    page.select_option("#speed", "60")
    press(page, "Escape")
    press(page, " ")
    page.get_by_text("backward 5 of 5").wait_for()
    page.locator("#play[aria-label=Play]").wait_for()
    assert gradients_on(page) == [2, 8, 1, None, 1, 1]
    page.select_option("#speed", "1600")  # slow: the end is far away when the second key is pressed
    press(page, "Escape")
    press(page, " ")
    press(page, " ")
    assert page.locator("#play").get_attribute("aria-label") == "Play"


# Every value that the dot's visibility is given from now on, however late a frame is drawn or this process looks.
RECORDED = """() => {
  window.seen = [];
  const record = (changes) => seen.push(...changes.map(({ target }) => target.getAttribute("visibility")));
  new MutationObserver(record).observe(app.picture.pulse, { attributeFilter: ["visibility"] });
}"""


@pytest.mark.parametrize("late", [False, True])
def test_the_dot_runs_along_the_arrow_however_late_its_frames_are(open_page: Open, late: bool) -> None:
    page = open_page(cubic(), motion="no-preference", at="#step=4")
    page.evaluate(RECORDED)
    if late:  # the first frame comes when the time of the dot would be over
        page.evaluate("() => { requestAnimationFrame = (move) => setTimeout(() => move(performance.now()), 700); }")
    press(page, "ArrowRight")
    page.wait_for_function("() => seen.length > 1 && seen.at(-1) === 'hidden'")
    assert "visible" in page.evaluate("seen")


def test_nobody_who_asked_for_less_motion_sees_the_dot(open_page: Open) -> None:
    page = open_page(cubic(), at="#step=4")
    page.evaluate(RECORDED)
    press(page, "ArrowRight")
    page.evaluate("new Promise((done) => requestAnimationFrame(() => requestAnimationFrame(done)))")
    assert page.evaluate("seen") == ["hidden"]


@pytest.mark.parametrize(("scheme", "background"), [("light", "rgb(255, 255, 255)"), ("dark", "rgb(21, 24, 28)")])
def test_dark_mode_is_respected(open_page: Open, scheme: str, background: str) -> None:
    page = open_page(network(), scheme=scheme)
    press(page, "End")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") == background
    assert len(page.screenshot()) > 10_000
