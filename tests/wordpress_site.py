"""A WordPress of a test's own: Debian's files, a MariaDB and PHP's web server, with our plugin."""

import os
import secrets
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.free_ports import free_port

PLUGIN = Path(__file__).parents[1] / "packages/wordpress"
FILES = Path("/usr/share/wordpress")
THEME = "twentytwentyfive"
PACKAGES = f"wordpress, wordpress-theme-{THEME}, mariadb-server and php-cli"
_NEEDED = ("php", "mariadbd", "mariadb-install-db")
_START_SECONDS = 120
_CONFIG = """<?php
define('DB_NAME', 'wordpress');
define('DB_USER', 'root');
define('DB_PASSWORD', '');
define('DB_HOST', 'localhost:{socket}');
define('DB_CHARSET', 'utf8mb4');
define('WP_HOME', '{origin}');
define('WP_SITEURL', '{origin}');
define('AUTH_KEY', 'a'); define('SECURE_AUTH_KEY', 'b'); define('LOGGED_IN_KEY', 'c');
define('NONCE_KEY', 'd'); define('AUTH_SALT', 'e'); define('SECURE_AUTH_SALT', 'f');
define('LOGGED_IN_SALT', 'g'); define('NONCE_SALT', 'h');
define('WP_DEBUG', true);
define('WP_DEBUG_LOG', true);
define('WP_DEBUG_DISPLAY', false);
define('FS_METHOD', 'direct');
define('DISABLE_WP_CRON', true);
define('AUTOMATIC_UPDATER_DISABLED', true);
define('WP_HTTP_BLOCK_EXTERNAL', true);
$table_prefix = 'wp_';
defined('ABSPATH') || define('ABSPATH', __DIR__ . '/');
require_once ABSPATH . 'wp-settings.php';
"""
# Its administrator asks no other site for pictures of users.
_INSTALL = """
define('WP_INSTALLING', true);
require 'wp-load.php';
require 'wp-admin/includes/upgrade.php';
wp_install('River Road', 'admin', 'admin@shelter.example', true, '', $argv[1]);
wp_insert_user(['user_login' => 'author', 'user_pass' => $argv[1], 'role' => 'author']);
update_option('show_avatars', 0);
trigger_error('notices are kept', E_USER_DEPRECATED);
"""
# This machine may be busy: visitors wait for 20 seconds, not for one.
_PATIENCE = """<?php
add_filter('render_block_pawsonalize/animals', function ($page) {
    return str_replace('<pawsonalize-animals ', '<pawsonalize-animals timeout="20000" ', $page);
});
"""


@dataclass(frozen=True)
class WordPress:
    """An installed WordPress whose plugins folder has ours, not yet activated."""

    folder: Path
    origin: str
    password: str
    """Of its administrator `admin` and of its author `author`."""

    def php(self, code: str, *arguments: str) -> str:
        """What the code prints, with WordPress loaded as for a visitor."""
        return _php(self.folder, f"require 'wp-load.php'; {code}", *arguments)

    def options(self) -> list[str]:
        """The names of all that the database keeps for our plugin."""
        query = "SELECT option_name FROM $wpdb->options WHERE option_name LIKE '%pawsonalize%'"
        return self.php(f'echo implode(" ", $wpdb->get_col("{query}"));').split()

    def complaints(self) -> str:
        """What PHP and WordPress have to say of our plugin."""
        log = (self.folder / "wp-content/debug.log").read_text()
        assert "notices are kept" in log
        return "\n".join(line for line in log.splitlines() if "pawsonalize" in line)


@contextmanager
def wordpress() -> Iterator[WordPress]:
    """A new WordPress at `shelter.example`; all of it is gone after the block."""
    programs = [shutil.which(name, path=f"{os.environ['PATH']}:/usr/sbin") for name in _NEEDED]
    if None in programs or not (FILES / "wp-content/themes" / THEME).exists():
        pytest.skip(f"no WordPress here: install Debian's {PACKAGES}")
    with tempfile.TemporaryDirectory() as name:  # a socket's path may have 107 characters
        folder = Path(name, "site")
        with _database(Path(name)) as database:
            port = free_port()
            site = WordPress(folder, f"http://shelter.example:{port}", secrets.token_hex())
            shutil.copytree(FILES, folder, ignore=shutil.ignore_patterns("akismet", ".htaccess"))
            shutil.copytree(PLUGIN, folder / "wp-content/plugins/pawsonalize")
            (folder / "wp-content/mu-plugins").mkdir()
            (folder / "wp-content/mu-plugins/patience.php").write_text(_PATIENCE)
            config = _CONFIG.format(socket=database, origin=site.origin)
            (folder / "wp-config.php").write_text(config)
            _php(folder, _INSTALL, site.password)
            with _web_server(folder, port):
                yield site


def _php(folder: Path, code: str, *arguments: str) -> str:
    words = ("php", "-d", "sendmail_path=/bin/true", "-r", code, "--", *arguments)
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def _database(folder: Path) -> Iterator[Path]:
    """The socket of a MariaDB of its own, with an empty database."""
    data, address = folder / "data", folder / "socket"
    user = ["--user=root"] if os.getuid() == 0 else []
    words = ["mariadb-install-db", "--no-defaults", f"--datadir={data}", *user]
    words += ["--auth-root-authentication-method=normal", "--skip-test-db"]
    subprocess.run(words, check=True, capture_output=True)
    (folder / "first.sql").write_text("CREATE DATABASE wordpress;\n")
    words = [shutil.which("mariadbd", path="/usr/sbin:/usr/bin") or "mariadbd", "--no-defaults"]
    words += [f"--datadir={data}", f"--socket={address}", f"--init-file={folder}/first.sql", *user]
    words += ["--skip-networking", "--innodb-flush-log-at-trx-commit=0"]
    with _running(words, folder / "database.log"):
        _wait_for(socket.AF_UNIX, str(address))
        yield address


@contextmanager
def _web_server(folder: Path, port: int) -> Iterator[None]:
    words = ["php", "-d", "opcache.enable_cli=1", "-S", f"127.0.0.1:{port}", "-t", str(folder)]
    with _running(words, folder.parent / "web.log"):
        _wait_for(socket.AF_INET, ("127.0.0.1", port))
        yield


@contextmanager
def _running(words: list[str], log: Path) -> Iterator[None]:
    variables = os.environ | {"PHP_CLI_SERVER_WORKERS": "4"}  # the editor asks much at once
    with log.open("wb") as output:
        process = subprocess.Popen(
            words, stdout=output, stderr=output, env=variables, start_new_session=True
        )
    try:
        yield
    finally:
        with suppress(ProcessLookupError):
            os.killpg(process.pid, 15)
        process.wait(_START_SECONDS)


def _wait_for(family: socket.AddressFamily, address: str | tuple[str, int]) -> None:
    deadline = time.monotonic() + _START_SECONDS
    while time.monotonic() < deadline:
        with socket.socket(family) as probe, suppress(OSError):
            probe.connect(address)
            return
        time.sleep(0.05)
    pytest.fail(f"nobody listens at {address} after {_START_SECONDS} seconds")
