"""The page in a real browser: drawn, filtered, linked to, read by keyboard, never fooled."""

import sqlite3
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path

import httpx
import pytest
from PIL import Image
from playwright.sync_api import Browser, Page, expect

from explorer.app import create_explorer
from store.settings import Settings
from tests.explorer.browser import Seen, opened_browser, opened_page
from tests.explorer.served import served
from tests.homes import warehouse_file
from tests.planted_market import plant_empty_home, plant_home

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with opened_browser() as opened:
        yield opened


@pytest.fixture
def address(client: httpx.Client) -> str:
    return str(client.base_url).rstrip("/")


@pytest.fixture
def seen(browser: Browser, address: str) -> Iterator[Seen]:
    with opened_page(browser, f"{address}/") as opened:
        opened.wait_until_drawn()
        yield opened
        assert opened.complaints == []
        assert opened.outside == []


def headline(page: Page) -> str:
    return page.locator("h1").inner_text()


def colours_of(page: Page) -> int:
    """Count the colours that fill a noticeable part of the map's canvas."""
    picture = Image.open(BytesIO(page.locator("#map canvas").screenshot())).convert("RGB")
    counted = picture.getcolors(maxcolors=2**24) or []
    return sum(count > 400 for count, _ in counted)


def test_market_is_drawn_without_error_or_outside_request(seen: Seen) -> None:
    assert headline(seen.page) == "What sellers ask for an apartment"
    expect(seen.page.locator("#standfirst")).to_contain_text("95% interval")
    expect(seen.page.locator("#standfirst")).to_contain_text("31 October 2026")
    expect(seen.page.locator("#synthetic")).to_contain_text("Synthetic demo data")
    expect(seen.page.locator("#rows > tr")).to_have_count(25)
    assert seen.page.locator(".classes li").count() >= 4
    assert colours_of(seen.page) >= 6


def test_filter_changes_address_and_figures_and_survives_reload(seen: Seen) -> None:
    page = seen.page
    before = page.locator("#standfirst").inner_text()
    page.get_by_label("Rooms").select_option("2")
    page.wait_for_url("**rooms=2**")
    expect(page.locator("#standfirst")).not_to_have_text(before)
    filtered = page.locator("#listings-title").inner_text()
    page.reload()
    seen.wait_until_drawn()
    expect(page.get_by_label("Rooms")).to_have_value("2")
    assert page.locator("#listings-title").inner_text() == filtered
    page.go_back()
    expect(page.locator("#standfirst")).to_have_text(before)
    expect(page.get_by_label("Rooms")).to_have_value("all")


def test_rent_is_told_as_rent(seen: Seen) -> None:
    seen.page.get_by_label("Offered").select_option("RENT")
    expect(seen.page.locator("h1")).to_contain_text("landlords ask a month")
    expect(seen.page.locator("#rows .c-asking").first).to_contain_text("/month")


def test_zone_is_chosen_from_the_list_and_left_again(seen: Seen) -> None:
    page = seen.page
    first = page.locator(".zones button").first
    name = first.locator(".name").inner_text()
    first.click()
    expect(page.locator("#panel-title")).to_have_text(name)
    expect(page.locator("h1")).to_contain_text(name)
    expect(page.locator("#panel .evidence")).to_contain_text("n = ")
    expect(page.locator("#panel .series svg")).to_be_visible()
    assert "zone=ro" in page.url
    page.get_by_role("button", name="All zones").click()
    expect(page.locator("#panel-title")).to_have_text("Zones, dearest first")
    assert "zone=" not in page.url


def test_zone_is_chosen_on_the_map(seen: Seen) -> None:
    page = seen.page
    box = page.locator("#map canvas").bounding_box()
    assert box is not None
    middle = (box["x"] + box["width"] / 2, box["y"] + box["height"] * 0.62)
    page.mouse.move(*middle)
    expect(page.locator("#tooltip")).to_contain_text("n = ")
    name = page.locator("#tooltip strong").inner_text()
    page.mouse.click(*middle)
    expect(page.locator("#panel-title")).to_have_text(name)


def test_zones_too_small_to_see_become_bubbles(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}/?level=sector&map=7/44.44/26.09") as seen:
        seen.wait_until_drawn()
        expect(seen.page.locator(".zone-names .below:not([hidden])").first).to_be_visible()
        assert seen.complaints == []


def test_figures_on_the_page_are_those_of_the_api(seen: Seen, client: httpx.Client) -> None:
    shown = [
        (line.locator(".name").inner_text(), line.locator(".figure").inner_text())
        for line in seen.page.locator(".zones button").all()
    ]
    rows = client.get("/api/market/zones?transaction=SALE&type=APARTMENT").json()["rows"]
    wanted = [
        (row["zone_name"], f"€{row['median_price_per_m2']:,.0f}")
        for row in rows
        if row["median_price_per_m2"] is not None
    ]
    assert shown == wanted


def test_listing_unfolds_and_its_link_opens_it(seen: Seen, browser: Browser, address: str) -> None:
    page = seen.page
    button = page.locator("#rows button.title").nth(2)
    button.focus()
    page.keyboard.press("Enter")
    expect(button).to_have_attribute("aria-expanded", "true")
    expect(page.locator("tr.detail .strip")).to_be_visible()
    expect(page.locator("tr.detail .parts li")).to_have_count(5)
    assert "listing=" in page.url
    with opened_page(browser, page.url) as linked:
        linked.wait_until_drawn()
        expect(linked.page.locator("tr.detail")).to_have_count(1)


def test_hostile_title_is_text(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}/?listing=1") as seen:
        seen.wait_until_drawn()
        title = seen.page.locator('tr[data-listing="1"] button.title')
        expect(title).to_contain_text('<img src=x onerror="window.hit=1">')
        assert title.locator("img, script").count() == 0
        assert seen.page.evaluate("window.hit") is None
        assert (seen.complaints, seen.outside) == ([], [])


@pytest.mark.parametrize("query", ["?type=CASTLE&order=luck&offset=-4", "?zone=nowhere&map=x/y"])
def test_nonsense_in_the_address_is_survived(browser: Browser, address: str, query: str) -> None:
    with opened_page(browser, f"{address}/{query}") as seen:
        seen.wait_until_drawn()
        assert seen.page.locator("#standfirst").inner_text()


def test_order_and_pages_turn(seen: Seen) -> None:
    page = seen.page
    page.get_by_label("Ranked by").select_option("price_per_m2")
    expect(page.locator("#pages span")).to_contain_text("1–25 of")
    page.get_by_role("button", name="Next").click()
    expect(page.locator("#pages span")).to_contain_text("26–50 of")
    assert "offset=25" in page.url
    assert "order=price_per_m2" in page.url


def test_romanian_is_spoken(browser: Browser, address: str) -> None:
    with opened_page(browser, f"{address}/", language="ro-RO") as seen:
        seen.wait_until_drawn()
        assert headline(seen.page) == "Cât se cere pentru un apartament"
        assert seen.page.locator("html").get_attribute("lang") == "ro"
        seen.page.get_by_role("link", name="English").click()
        seen.wait_until_drawn()
        assert headline(seen.page) == "What sellers ask for an apartment"


@pytest.mark.parametrize("scheme", ["light", "dark"])
@pytest.mark.parametrize(("device", "size"), [("desktop", (1440, 900)), ("phone", (390, 844))])
def test_page_fits_its_screen(
    browser: Browser, address: str, tmp_path: Path, scheme: str, device: str, size: tuple[int, int]
) -> None:
    query = "?zone=ro/b/n09&listing=2"
    with opened_page(browser, f"{address}/{query}", size=size, scheme=scheme) as seen:
        seen.wait_until_drawn()
        seen.keep(tmp_path, f"{device}-{scheme}")
        overflow = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
        assert seen.page.evaluate(overflow) <= 0
        assert seen.complaints == []


def test_market_outside_all_zones_still_lists_its_homes(browser: Browser, tmp_path: Path) -> None:
    home = plant_home(tmp_path / "home", listings=60)
    with sqlite3.connect(warehouse_file(home.root)) as writer:
        writer.execute("DELETE FROM market_zones")
    writer.close()
    explorer = create_explorer(Settings(home=home.root))
    with served(explorer) as client, opened_page(browser, f"{client.base_url}") as seen:
        expect(seen.page.locator("#standfirst")).to_contain_text("none of them lies in a known")
        expect(seen.page.locator("#panel code")).to_contain_text("imo360 zones load")
        expect(seen.page.locator("#rows > tr")).to_have_count(25)
        assert seen.complaints == []


def test_unpublished_market_says_what_to_do(browser: Browser, tmp_path: Path) -> None:
    home = plant_empty_home(tmp_path / "home")
    explorer = create_explorer(Settings(home=home.root))
    with served(explorer) as client, opened_page(browser, f"{client.base_url}") as seen:
        expect(seen.page.locator("h1")).to_have_text("Nothing is published yet")
        expect(seen.page.locator("#notice code")).to_have_text("imo360 refresh")
        assert seen.complaints == []


def test_lost_server_is_told_and_tried_again(seen: Seen) -> None:
    page = seen.page
    page.route("**/api/market/**", lambda route: route.abort())
    page.get_by_label("Rooms").select_option("3")
    expect(page.locator("#notice")).to_contain_text("cannot be read")
    page.unroute("**/api/market/**")
    page.get_by_role("button", name="Try again").click()
    expect(page.locator("#notice")).to_be_hidden()
    seen.complaints.clear()  # the browser reports the failed requests, as it should


def test_breaks_are_round_and_spread_the_zones(seen: Seen) -> None:
    script = """async () => {
      const { breaks, classOf, ticks } = await import("/static/scale.js");
      const values = Array.from({ length: 60 }, (_, k) => 1000 + k * 37.3);
      const cuts = breaks(values);
      const sizes = Array(cuts.length + 1).fill(0);
      for (const value of values) sizes[classOf(value, cuts)] += 1;
      return { cuts, sizes, few: breaks([5]), same: breaks([7, 7, 7]), ticks: ticks(1712, 2004) };
    }"""
    found = seen.page.evaluate(script)
    assert len(found["cuts"]) == 5
    assert all(cut % 50 == 0 for cut in found["cuts"])
    assert max(found["sizes"]) - min(found["sizes"]) <= 3
    assert (found["few"], found["same"]) == ([], [])
    assert found["ticks"] == [1800, 1900, 2000]
