"""The WordPress plugin: it is PHP, and its block is HTML that holds no surprise."""

import json
import re
import shutil
import subprocess
from html import unescape
from pathlib import Path

import pytest

from pawsonalize import __version__

PLUGIN = Path(__file__).parents[2] / "packages/wordpress"
# What WordPress gives a plugin, as far as the block's rendering needs it.
WORDPRESS = r"""
define('ABSPATH', '/');
function add_action() {}
function get_option($name, $default = '') { global $options; return $options[$name] ?? $default; }
function untrailingslashit($text) { return rtrim($text, '/'); }
function sanitize_text_field($text) { return trim(strip_tags($text)); }
function wp_json_encode($value, $flags = 0) { return json_encode($value, $flags); }
function esc_attr($text) { return htmlspecialchars($text, ENT_QUOTES, 'UTF-8', false); }
function add_settings_error($setting, $code, $message) { echo $message; }
function __($text) { return $text; }
function home_url() { return 'https://Shelter.example:8443/blog'; }
function esc_html__($text) { return htmlspecialchars($text, ENT_QUOTES); }
function esc_attr__($text) { return esc_attr($text); }
function esc_url($url) { return preg_match('#^https?://#', $url) ? esc_attr($url) : ''; }
function current_user_can() { global $may; return $may; }
function wp_enqueue_script_module($name) { global $scripts; $scripts[] = $name; }
function get_block_wrapper_attributes() { return 'class="wp-block-pawsonalize-animals"'; }
"""
HOSTILE = "\"><script>alert(1)</script>'"


def php(code: str) -> str:
    if shutil.which("php") is None:
        pytest.skip("no php here")
    done = subprocess.run(["php", "-r", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def rendered(
    options: dict[str, str], attributes: dict[str, object], content: str = "", may: bool = False
) -> str:
    """The block's HTML on a page of a WordPress with these options."""
    given = json.dumps([options, attributes, content, may])
    return php(
        f"{WORDPRESS} [$options, $attributes, $content, $may] = json_decode(<<<'JSON'\n{given}\n"
        f"JSON, true); $scripts = []; require '{PLUGIN}/settings.php';"
        f" require '{PLUGIN}/render.php'; echo pawsonalize_render_block($attributes, $content);"
        " echo count($scripts);"
    )


@pytest.mark.parametrize("page", sorted(PLUGIN.rglob("*.php")), ids=lambda page: page.name)
def test_every_page_is_php(page: Path) -> None:
    if shutil.which("php") is None:
        pytest.skip("no php here")
    done = subprocess.run(["php", "-l", str(page)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout


def test_the_block_is_the_element_with_the_page_of_the_editor_inside() -> None:
    options = {"pawsonalize_url": "https://pets.example/", "pawsonalize_key": "KEY.SECRET"}
    attributes = {"limit": 3, "species": "dog", "href": "/pets/{id}"}
    assert rendered(options, attributes, '<a href="/all">All</a>') == (
        '<pawsonalize-animals class="wp-block-pawsonalize-animals" src="https://pets.example"'
        ' key="KEY.SECRET" query="{&quot;limit&quot;:3,&quot;species&quot;:[&quot;dog&quot;]}"'
        ' href="/pets/{id}"><a href="/all">All</a></pawsonalize-animals>1'
    )


def test_a_block_that_asks_has_the_board_before_the_animals() -> None:
    options = {"pawsonalize_url": "https://pets.example/", "pawsonalize_key": "KEY.SECRET"}
    page = rendered(options, {"limit": 3, "species": "dog", "board": True})
    assert page.startswith(
        '<pawsonalize-board src="https://pets.example" key="KEY.SECRET"'
        ' query="{&quot;species&quot;:[&quot;dog&quot;]}"'
        ' question="Whom would you like to meet first?" none="None of these"'
        ' next="Somebody else as well?">'
        "</pawsonalize-board><pawsonalize-animals "
    )
    every = rendered(options, {"board": True})
    assert 'query="{}"' in every


def test_what_an_editor_or_a_setting_says_stays_in_its_attribute() -> None:
    options = {"pawsonalize_url": "https://pets.example", "pawsonalize_key": HOSTILE}
    page = rendered(options, {"limit": 1e9, "species": HOSTILE, "href": HOSTILE})
    assert "<script>" not in page
    assert len(re.findall("<pawsonalize-animals [^<>]*>", page)) == 1
    assert "&quot;limit&quot;:50" in page


def test_an_entity_stays_text_in_the_blocks_rules() -> None:
    options = {"pawsonalize_url": "https://pets.example", "pawsonalize_key": "KEY.SECRET"}
    page = rendered(options, {"species": "&quot;],&quot;filter&quot;:[&quot;"})
    query = re.search('query="([^"]*)"', page)
    assert query is not None
    assert json.loads(unescape(query[1])) == {
        "limit": 6,
        "species": ["&quot;],&quot;filter&quot;:[&quot;"],
    }


def sanitized(setting: str, given: str, old: str) -> str:
    """What WordPress keeps of a setting, after its message."""
    words = json.dumps([{f"pawsonalize_{setting}": old}, given])
    return php(
        f"{WORDPRESS} [$options, $given] = json_decode(<<<'JSON'\n{words}\nJSON, true);"
        f" require '{PLUGIN}/settings.php';"
        f" $kept = pawsonalize_sanitize_{setting}($given); echo '|', $kept;"
    )


def test_what_is_no_address_leaves_the_old_one(subtests: pytest.Subtests) -> None:
    for wrong in [
        "pets.example",
        "foo bar",
        "javascript:alert(1)",
        "ftp://pets.example",
        "https://",
        "https://pets.example/?a=b",
        'https://pets"onload=x',
        "https://me@pets.example",
    ]:
        with subtests.test(wrong=wrong):
            said, _, kept = sanitized("url", wrong, "https://old.example").rpartition("|")
            assert "That is no address" in said
            assert kept == "https://old.example"


def test_an_address_is_taken_without_its_last_slash_and_nothing_is_taken_too() -> None:
    for given in ("https://pets.example/", "http://[::1]:8080", "https://pets.example/api", ""):
        assert sanitized("url", f" {given} ", "https://old.example") == f"|{given.rstrip('/')}"


def test_a_key_is_named_for_the_origin_of_a_site_in_a_folder() -> None:
    page = f"{WORDPRESS} require '{PLUGIN}/settings.php'; echo pawsonalize_origin();"
    assert php(page) == "https://shelter.example:8443"


def test_without_a_service_visitors_see_the_editors_page_and_admins_what_to_do() -> None:
    assert rendered({}, {}, "<p>All our animals</p>") == "<p>All our animals</p>0"
    assert "Settings, Pawsonalize" in rendered({}, {}, "<p>All our animals</p>", may=True)


def test_the_plugin_has_the_servers_version_everywhere() -> None:
    told = [
        re.search(r"Version: +(\S+)", (PLUGIN / "pawsonalize.php").read_text()),
        re.search(r"Stable tag: (\S+)", (PLUGIN / "readme.txt").read_text()),
    ]
    assert [found and found[1] for found in told] == [__version__] * 2
    assert json.loads((PLUGIN / "block/block.json").read_text())["version"] == __version__
