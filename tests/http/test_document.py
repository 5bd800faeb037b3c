"""Documents: what is taken, what is taken out of it, who sees it, and how it
comes back."""

import concurrent.futures
import hashlib
import os
import pathlib
import random
import re
import socket
import struct
import subprocess
import time
import urllib.parse
import uuid
import zlib

import pytest

from world import World, mark, unique

MIB = 1024 * 1024
PATH = "/v1/documents"

# --- files ----------------------------------------------------------------------------


def jpeg(width=8, height=8, scan=b"\x3f", segments=b""):
    """Grey, its scan of any length: nobody decodes it here."""
    return (b"\xff\xd8\xff\xe0\0\x10JFIF\0\1\1\0\0\1\0\1\0\0" + segments
            + b"\xff\xdb\0\x43\0" + b"\1" * 64
            + b"\xff\xc0\0\x0b\x08" + struct.pack(">HH", height, width) + b"\1\1\x11\0"
            + b"\xff\xc4\0\x14\0\1" + bytes(16) + b"\xff\xc4\0\x14\x10\1" + bytes(16)
            + b"\xff\xda\0\x08\1\1\0\0\x3f\0" + scan + b"\xff\xd9")


def png(width=2, height=2):
    def chunk(kind, data):
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    rows = b"".join(b"\0" + bytes(3 * width) for _ in range(min(height, 4)))
    return (b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0))
            + chunk(b"IDAT", zlib.compress(rows)) + chunk(b"IEND", b""))


def webp():
    """One pixel, lossless."""
    return bytes.fromhex("524946461a000000574542505650384c0d0000002f00000010071011118888fe0700")


def pdf(size=200, seed=0):
    head, tail = b"%PDF-1.4\n%", b"\n%%EOF\n"
    return head + random.Random(seed).randbytes(size - len(head) - len(tail)) + tail


FILES = {"image/jpeg": jpeg(), "image/png": png(), "image/webp": webp(), "application/pdf": pdf()}


def sha256(data):
    return hashlib.sha256(data).hexdigest()


def exiftool(*arguments):
    return subprocess.run(["exiftool", *map(str, arguments)], check=True, stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True).stdout


def target(**params):
    params = {"title": unique("Photo"), "kind": "photo", **params}
    return PATH + "?" + urllib.parse.urlencode({k: v for k, v in params.items() if v is not None})


def file(client, data=FILES["image/jpeg"], content_type="image/jpeg", key=None, **params):
    return client.request("POST", target(**params), data=data, content_type=content_type,
                          key=key or str(uuid.uuid4()))


def file_patiently(client, data):
    """A PDF, sent again while the server has no room for it."""
    for _ in range(100):
        answer = file(client, data, "application/pdf")
        if answer.status != 503:
            break
        assert answer.problem.code == "overloaded" and int(answer.headers["retry-after"]) > 0
        time.sleep(0.2)
    return answer


def content(client, document, **more):
    return client.get(document.url + "/content", **more)


def ids(client, **params):
    return [d["id"] for d in client.pages(PATH, {"limit": 200, **params})]


@pytest.fixture(scope="module")
def issue_of():
    """Makes an issue of a world; its id."""
    def make(world, by="city", visibility="partners", quartier=None):
        return world.issue(by, visibility=visibility, quartier_id=quartier or world.near).id

    return make


def workers(server):
    """The worker processes of a server."""
    parent = (server.dir / "api.pid").read_text().split()[0]
    children = pathlib.Path(f"/proc/{parent}/task/{parent}/children").read_text().split()
    return children


def resident(server):
    """Memory of the workers, in bytes, that is not shared with a file."""
    return sum(int(re.search(r"RssAnon:\s+(\d+)", pathlib.Path(f"/proc/{pid}/status").read_text()).group(1)) * 1024
               for pid in workers(server))


# --- what is taken ----------------------------------------------------------------------


@pytest.mark.parametrize("media_type", FILES)
def test_each_type_is_kept_and_comes_back(world, media_type):
    data = FILES[media_type]
    made = file(world.city, data, media_type, title="Square des Platanes à l’été").expect(201)
    assert made.json["media_type"] == media_type and made.json["stripped"] is False
    assert made.json["size"] == len(data) and made.json["sha256"] == sha256(data)
    assert made.json["visibility"] == "partners" and made.json["toolbox"] is False
    assert made.json["institution_id"] == world.actor["city"]
    assert world.city.get(made.url).expect(200).json == made.json
    got = content(world.association, made).expect(200)
    assert got.body == data
    assert got.headers["content-type"] == media_type
    assert got.headers["x-content-type-options"] == "nosniff"
    assert got.headers["cache-control"] == "private, max-age=86400, immutable"
    assert got.headers["etag"] == f'"{sha256(data)}"'
    assert re.fullmatch(r'attachment; filename="square-des-platanes-a-l-ete\.(jpg|png|webp|pdf)"',
                        got.headers["content-disposition"])


@pytest.mark.parametrize("kind", ["photo", "report", "leaflet", "charter", "tracking_tool", "minutes", "convention",
                                  "map", "plan", "other"])
def test_each_kind_of_the_sheet_is_a_document(world, kind):
    assert file(world.city, kind=kind).expect(201).json["kind"] == kind


def test_the_size_of_an_image_is_known(world):
    made = file(world.city, jpeg(640, 480)).expect(201).json
    assert (made["width"], made["height"]) == (640, 480)
    made = file(world.city, pdf(), "application/pdf").expect(201).json
    assert (made["width"], made["height"]) == (None, None)


@pytest.mark.parametrize("declared", FILES)
def test_the_declared_type_is_that_of_the_bytes(world, declared):
    for media_type, data in FILES.items():
        answer = file(world.city, data, declared)
        if media_type == declared:
            answer.expect(201)
        else:
            assert answer.expect(415).problem.code == "media_type_mismatch"


@pytest.mark.parametrize("declared", ["image/gif", "text/html", "application/json", "image/svg+xml", None])
def test_no_other_type_is_taken(world, declared):
    assert file(world.city, FILES["image/jpeg"], declared).expect(415).problem.code == "unsupported_media_type"


@pytest.mark.parametrize("data", [b"<html><script>alert(1)</script></html>", b"GIF89a" + bytes(20), b"MZ" + bytes(100),
                                  b"\xff\xd8", b"\0", b"%PDX-1.4 %%EOF"])
def test_bytes_of_another_type_are_refused_whatever_is_declared(world, data):
    for declared in FILES:
        assert file(world.city, data, declared).expect(415).problem.code == "media_type_mismatch"


@pytest.mark.parametrize("media_type", FILES)
def test_a_truncated_file_is_refused(world, media_type):
    data = FILES[media_type]
    for cut in (len(data) - 1, len(data) // 2, 20):
        answer = file(world.city, data[:cut], media_type)
        if media_type == "application/pdf" and cut == len(data) - 1:
            answer.expect(201)  # its last line end
        elif answer.status != 415:  # too little to tell what it is
            assert answer.expect(422).problem.code == "content_malformed"


def test_an_image_has_fifty_million_pixels_at_most(world):
    file(world.city, jpeg(10000, 5000)).expect(201)
    for data, media_type in ((jpeg(10001, 5000), "image/jpeg"), (png(65535, 65535), "image/png")):
        assert file(world.city, data, media_type).expect(422).problem.code == "too_many_pixels"


def test_an_empty_body_is_refused(world):
    assert file(world.city, b"").expect(400).problem.code == "body_missing"


@pytest.mark.parametrize("params,name", [({"title": None}, "title"), ({"kind": None}, "kind"), ({"kind": "song"}, "kind"),
                                         ({"visibility": "secret"}, "visibility"), ({"toolbox": "yes"}, "toolbox"),
                                         ({"target_id": "x"}, "target_id"), ({"title": "x" * 201}, "title"),
                                         ({"colour": "red"}, "colour")])
def test_parameters_are_checked(world, params, name):
    problem = file(world.city, **params).expect(400).problem
    assert [e["parameter"] for e in problem.errors] == [name]


def test_a_target_is_given_whole(world, issue_of):
    assert file(world.city, target_type="issue").expect(422).problem.code == "document_target_is_whole"
    assert file(world.city, target_id=issue_of(world)).expect(422).problem.code == "document_target_is_whole"


# --- large ones -------------------------------------------------------------------------


@pytest.mark.parametrize("size", [256 * 1024, 256 * 1024 + 1, MIB - 1, MIB, MIB + 1, 3 * MIB + 7, 10 * MIB])
def test_a_file_of_any_size_comes_back_byte_by_byte(world, database, size):
    data = pdf(size, seed=size)
    made = file(world.city, data, "application/pdf").expect(201)
    assert made.json["sha256"] == sha256(data)
    assert content(world.city, made).expect(200).body == data
    with database.cursor() as cursor:
        cursor.execute("SELECT count(*), max(octet_length(bytes)) FROM gusp.document_chunk WHERE document_id = %s",
                       [made.id])
        assert cursor.fetchone() == (-(-size // MIB), min(size, MIB))


def test_more_than_ten_mebibytes_are_refused(world, server):
    """Before they are sent: a client that waits for 100-continue sends none."""
    with socket.create_connection((server.host, server.port), 20) as line:
        line.sendall(f"POST {target()} HTTP/1.1\r\nHost: x.example.org\r\nAuthorization: Bearer {world.city.token}\r\n"
                     f"Content-Type: image/jpeg\r\nContent-Length: {10 * MIB + 1}\r\nExpect: 100-continue\r\n"
                     f"Idempotency-Key: {uuid.uuid4()}\r\n\r\n".encode())
        assert line.recv(4096).startswith(b"HTTP/1.1 413 ")


class Large:
    """An upload of 10 MiB, announced, and sent only if the server asks for it."""

    def __init__(self, server, token, data=pdf(10 * MIB)):
        self.data = data
        self.line = socket.create_connection((server.host, server.port), 20)
        self.line.sendall(f"POST {target()} HTTP/1.1\r\nHost: x.example.org\r\nAuthorization: Bearer {token}\r\n"
                          f"Content-Type: application/pdf\r\nContent-Length: {len(data)}\r\n"
                          f"Expect: 100-continue\r\nIdempotency-Key: {uuid.uuid4()}\r\n\r\n".encode())
        self.said = self.line.recv(4096)
        self.status = int(self.said.split(b" ")[1])

    def end(self):
        self.line.sendall(self.data)
        said = self.line.recv(65536)
        self.line.close()
        return int(said.split(b" ")[1])


def bodies(server):
    """The files of large bodies."""
    return os.listdir(server.dir / "bodies")


def test_a_worker_takes_four_large_bodies_at_once_and_two_of_a_client(world, another_server):
    server = another_server(GUSP_WORKERS="1")
    tokens = [c.token for c in (world.city, world.bailleur)]
    taken = [Large(server, tokens[0]) for _ in range(2)]
    third = Large(server, tokens[0])
    taken += [Large(server, tokens[1]) for _ in range(2)]
    fifth = Large(server, world.association.token)
    assert [each.status for each in taken] == [100] * 4
    for refused in (third, fifth):
        assert refused.status == 503 and b'"overloaded"' in refused.said
        assert re.search(rb"\r\nretry-after: [1-9]", refused.said)
    assert len(bodies(server)) == 4
    # Whoever ends, one way or the other, makes room.
    assert taken.pop().end() == 201
    taken.pop().line.close()
    for _ in range(100):
        another = Large(server, world.association.token)
        if another.status == 100:
            taken.append(another)
        if len(taken) == 4:
            break
        time.sleep(0.1)
    assert len(bodies(server)) == 4
    assert [each.end() for each in taken] == [201] * 4
    deadline = time.monotonic() + 5  # the last goes just behind its answer
    while bodies(server) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert bodies(server) == []


def test_a_large_body_of_a_role_that_files_nothing_is_refused_before_it_is_sent(world, server):
    assert Large(server, world.auditor.token).status == 403


def test_uploads_at_once_all_arrive(world):
    """Two of a client and worker; the others are told to come again."""
    def one(n):
        data = pdf(2 * MIB + n, seed=n)
        made = file_patiently(world.city, data).expect(201)
        return content(world.city, made).expect(200).body == data

    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        assert all(pool.map(one, range(24)))


def test_a_client_that_leaves_after_its_upload_blocks_nobody(world, server):
    """More of them than have their turn at once."""
    data = pdf(4 * MIB)
    for _ in range(8):
        with socket.create_connection((server.host, server.port), 20) as line:
            line.sendall(f"POST {target()} HTTP/1.1\r\nHost: x.example.org\r\nAuthorization: Bearer {world.city.token}\r\n"
                         f"Content-Type: application/pdf\r\nContent-Length: {len(data)}\r\n"
                         f"Idempotency-Key: {uuid.uuid4()}\r\n\r\n".encode())
            line.sendall(data)
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    assert file_patiently(world.city, data).expect(201).json["size"] == len(data)


# --- what is taken out -------------------------------------------------------------------


@pytest.mark.parametrize("media_type,name", [("image/jpeg", "a.jpg"), ("image/png", "a.png"), ("image/webp", "a.webp")])
def test_a_kept_image_tells_no_place_no_time_and_no_author(world, tmp_path, media_type, name):
    sent, kept = tmp_path / name, tmp_path / ("kept_" + name)
    sent.write_bytes(FILES[media_type])
    exiftool("-overwrite_original", "-GPSLatitude=43.6401", "-GPSLatitudeRef=N", "-GPSLongitude=5.0972",
             "-GPSLongitudeRef=E", "-DateTimeOriginal=2024:05:21 10:00:00", "-EXIF:Make=Fabricant",
             "-EXIF:Orientation#=6", "-XMP:Creator=Auteur", "-XMP:GPSLatitude=43.6401",
             *(["-Comment=Chez nous", "-IPTC:City=Salon"] if media_type == "image/jpeg" else []), sent)
    assert len(exiftool("-G1", "-a", "-gps*", sent).splitlines()) >= 4
    made = file(world.city, sent.read_bytes(), media_type).expect(201)
    assert made.json["stripped"] is True
    data = content(world.city, made).expect(200).body
    kept.write_bytes(data)
    assert exiftool("-G1", "-a", "-gps*", kept) == ""
    told = exiftool("-G1", "-a", "-EXIF:all", "-XMP:all", "-IPTC:all", "-Comment", kept)
    if media_type == "image/jpeg":
        assert [line.split("]")[1].split(":")[0].strip() for line in told.splitlines()] == ["Orientation"]
        assert "Rotate 90 CW" in told
    else:
        assert told == ""
    assert "Error" not in exiftool("-validate", "-warning", "-error", kept)
    assert made.json["sha256"] == sha256(data) and made.json["size"] == len(data)
    for secret in (b"43.64", b"Fabricant", b"Auteur", b"Chez nous", b"Salon", b"2024:05:21"):
        assert secret not in data


def test_a_large_photograph_is_cleaned_too(world):
    """One that Kore takes to a file, with segments before and a film behind."""
    scan = bytes(random.Random(1).choices(range(1, 255), k=5 * MIB))
    exif = b"\xff\xe1\xff\xfeExif\0\0" + b"GPS 43.6401 ".ljust(65526, b"x")
    made = file(world.city, jpeg(4000, 3000, scan, exif * 3) + b"film" * MIB).expect(201)
    assert made.json["sha256"] == sha256(jpeg(4000, 3000, scan))
    assert content(world.city, made).expect(200).body == jpeg(4000, 3000, scan)


# --- reading ------------------------------------------------------------------------------


def test_what_a_client_has_is_not_sent_again(world):
    made = file(world.city, pdf(MIB), "application/pdf").expect(201)
    tag = f'"{made.json["sha256"]}"'
    got = content(world.city, made, headers={"If-None-Match": tag})
    assert got.status == 304 and got.body == b"" and got.headers["etag"] == tag
    assert "content-disposition" not in got.headers
    got = content(world.city, made, headers={"If-None-Match": '"another"'}).expect(200)
    assert got.body == pdf(MIB)
    got = world.city.head(made.url + "/content").expect(200)
    assert got.headers["content-length"] == str(MIB) and got.body == b""


def test_a_connection_that_closes_and_one_of_http_1_0_get_all_of_it(world, server):
    made = file(world.city, pdf(3 * MIB), "application/pdf").expect(201)
    for version, lines in (("1.1", "Connection: close\r\n"), ("1.0", ""), ("1.1", "If-None-Match: \"x\"\r\nConnection: close\r\n")):
        with socket.create_connection((server.host, server.port), 20) as line:
            line.sendall(f"GET {made.url}/content HTTP/{version}\r\nHost: x.example.org\r\n{lines}"
                         f"Authorization: Bearer {world.city.token}\r\n\r\n".encode())
            got = b""
            while more := line.recv(MIB):
                got += more
        head, _, body = got.partition(b"\r\n\r\n")
        assert b" 200 " in head and body == pdf(3 * MIB), (version, len(body))


def test_a_client_that_stopped_sending_still_gets_its_file(world, server):
    made = file(world.city, pdf(3 * MIB), "application/pdf").expect(201)
    with socket.create_connection((server.host, server.port), 20) as line:
        line.sendall(f"GET {made.url}/content HTTP/1.1\r\nHost: x.example.org\r\n"
                     f"Authorization: Bearer {world.city.token}\r\n\r\n".encode())
        line.shutdown(socket.SHUT_WR)
        got = b""
        while len(got.partition(b"\r\n\r\n")[2]) < 3 * MIB:
            more = line.recv(MIB)
            assert more, len(got)
            got += more
    assert got.endswith(pdf(3 * MIB))


def test_requests_behind_a_download_are_answered_in_order(world, server):
    made = file(world.city, pdf(2 * MIB), "application/pdf").expect(201)
    one = (f"GET {made.url}/content HTTP/1.1\r\nHost: x.example.org\r\n"
           f"Authorization: Bearer {world.city.token}\r\n\r\n").encode()
    with socket.create_connection((server.host, server.port), 20) as line:
        line.sendall(one * 3 + b"GET /livez HTTP/1.1\r\nHost: x.example.org\r\nConnection: close\r\n\r\n")
        got = b""
        while more := line.recv(MIB):
            got += more
    assert got.count(pdf(2 * MIB)) == 3 and got.endswith(b'{"status":"pass"}')


def opened(server, world, url, window=None):
    """A download whose head was read; bytes that came with it."""
    line = socket.socket()
    if window:
        line.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, window)
    line.settimeout(30)
    line.connect((server.host, server.port))
    line.sendall(f"GET {url}/content HTTP/1.1\r\nHost: x.example.org\r\nConnection: close\r\n"
                 f"Authorization: Bearer {world.city.token}\r\n\r\n".encode())
    got = b""
    while b"\r\n\r\n" not in got:
        got += line.recv(4096)
    assert got.startswith(b"HTTP/1.1 200")
    return line, got.partition(b"\r\n\r\n")[2]


@pytest.mark.skipif("GUSP_WRAP" in os.environ, reason="a tool's own memory would be counted")
def test_twenty_slow_readers_cost_little_memory(world, server):
    data = pdf(10 * MIB)
    made = file(world.city, data, "application/pdf").expect(201)
    content(world.city, made).expect(200)
    before = resident(server)
    slow = [opened(server, world, made.url, window=16384) for _ in range(20)]
    most = 0
    for _ in range(5):
        time.sleep(0.1)
        slow = [(line, got + line.recv(65536)) for line, got in slow]
        most = max(most, resident(server))
    print(f"20 slow readers of 10 MiB: {(most - before) / MIB:.1f} MiB more")
    assert most - before < 16 * MIB

    def rest(pair):
        line, got = pair
        with line:
            while more := line.recv(MIB):
                got += more
        return sha256(got)

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        assert set(pool.map(rest, slow)) == {sha256(data)}
    most = resident(server)
    print(f"after them: {(most - before) / MIB:.1f} MiB more")
    assert most - before < 16 * MIB


def test_readers_that_leave_in_the_middle_harm_nobody(world, server):
    data = pdf(10 * MIB)
    made = file(world.city, data, "application/pdf").expect(201)
    pids = workers(server)
    for n in range(60):
        line, _ = opened(server, world, made.url)
        if n % 3 == 0:
            line.recv(MIB)
        if n % 2 == 0:
            line.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        line.close()
    assert content(world.city, made).expect(200).body == data
    assert workers(server) == pids


def test_a_download_stops_when_its_reader_may_no_longer_read(world, server):
    """Each slice is read with the rights of its moment; and one that never
    comes ends the connection, so that nobody takes a part for the whole."""
    made = file(world.bailleur, pdf(10 * MIB), "application/pdf").expect(201)
    line, got = opened(server, world, made.url, window=16384)
    world.bailleur.patch(made, {"visibility": "internal"}).expect(200)
    with line:
        try:
            while more := line.recv(MIB):
                got += more
        except ConnectionResetError:
            pass
    assert len(got) < 10 * MIB
    content(world.city, made).expect(404)
    content(world.bailleur, made).expect(200)


def test_a_download_outlives_a_lost_connection_to_the_database(world, server, database):
    data = pdf(10 * MIB)
    made = file(world.city, data, "application/pdf").expect(201)
    line, got = opened(server, world, made.url, window=16384)
    with database.cursor() as cursor:
        cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity "
                       "WHERE application_name = 'gusp-member' AND pid <> pg_backend_pid() LIMIT 1")
    with line:
        while more := line.recv(MIB):
            got += more
    assert got == data


# --- rights --------------------------------------------------------------------------------


def test_an_internal_document_is_its_institutions_alone(world):
    made = file(world.bailleur, visibility="internal").expect(201)
    content(world.bailleur, made).expect(200)
    for role in ("city", "bailleur_b", "association", "institution", "facilitator", "auditor"):
        client = world.clients[role]
        client.get(made.url).expect(404)
        content(client, made).expect(404)
        client.get(made.url + "/history").expect(404)
        assert made.id not in ids(client)
    assert made.id in ids(world.bailleur, visibility="internal")


def test_another_programme_sees_nothing(world, as_admin, contract):
    elsewhere = World(as_admin, contract, only=["bailleur"])
    made = file(world.city, faces_plates_checked="true", visibility="public").expect(201)
    for client in (elsewhere.city, elsewhere.bailleur):
        client.get(made.url).expect(404)
        content(client, made).expect(404)
        assert made.id not in ids(client)


def test_chunks_are_under_the_rights_of_their_document(world, database):
    """Also for who would ask the database itself, with the caller's keys."""
    made = file(world.bailleur, visibility="internal").expect(201)
    with database.cursor() as cursor:
        for actor, seen in (("bailleur", 1), ("city", 0)):
            cursor.execute("BEGIN")
            cursor.execute("SELECT set_config('app.keys', keys::text, true), set_config('app.pens', pens::text, true) "
                           "FROM gusp.member WHERE id = %s", [world.member[actor]])
            cursor.execute("SET LOCAL ROLE gusp_member")
            cursor.execute("SELECT count(*) FROM gusp.document_chunk WHERE document_id = %s", [made.id])
            assert cursor.fetchone()[0] == seen, actor
            # Nobody adds bytes to what is there.
            with pytest.raises(Exception, match="row-level security"):
                cursor.execute("INSERT INTO gusp.document_chunk VALUES (%s, 5, 'x')", [made.id])
            cursor.execute("ROLLBACK")


def test_a_document_without_all_of_its_bytes_cannot_be(world, database):
    made = file(world.city).expect(201)
    with database.cursor() as cursor:
        with pytest.raises(Exception, match="lacks its bytes"):
            cursor.execute(
                "INSERT INTO gusp.document (programme_id, institution_id, kind, title, media_type, size, sha256, stripped) "
                "SELECT programme_id, institution_id, kind, title, media_type, size, sha256, stripped "
                "FROM gusp.document WHERE id = %s", [made.id])


def test_a_document_of_an_issue_is_seen_by_no_more_than_the_issue(world, issue_of):
    near, far = issue_of(world), issue_of(world, quartier=world.far)
    secret = issue_of(world, visibility="confidential")
    own = issue_of(world, by="bailleur", visibility="internal")
    seen = {
        near: {"city", "bailleur", "bailleur_b", "association", "institution", "auditor"},
        far: {"city", "institution", "auditor"},
        secret: {"city", "auditor"},
    }
    for issue, roles in seen.items():
        made = file(world.city, target_type="issue", target_id=issue, visibility="public",
                    faces_plates_checked="true").expect(201)
        assert made.json["target_id"] == issue
        for role in ("city", "bailleur", "bailleur_b", "association", "institution", "auditor"):
            client = world.clients[role]
            client.get(made.url).expect(200 if role in roles else 404)
            content(client, made).expect(200 if role in roles else 404)
            assert (made.id in ids(client)) == (role in roles), role
            assert ids(client, target_id=issue) == ([made.id] if role in roles else []), role
    made = file(world.bailleur, target_type="issue", target_id=own).expect(201)
    content(world.bailleur, made).expect(200)
    content(world.city, made).expect(404)


def test_a_target_that_is_not_seen_is_as_unknown_as_one_that_is_not_there(world, issue_of):
    far = issue_of(world, quartier=world.far)
    answers = [file(world.bailleur, title="Photo", target_type="issue", target_id=id) for id in (far, str(uuid.uuid4()))]
    for answer in answers:
        assert answer.expect(422).problem.code == "unknown_reference"
        assert answer.problem.errors[0]["parameter"] == "target_id"
    file(world.bailleur, derived_from_id=str(uuid.uuid4())).expect(422)


def test_documents_follow_who_sees_their_issue(world, issue_of, database):
    issue = issue_of(world)
    made = file(world.city, target_type="issue", target_id=issue).expect(201)
    content(world.bailleur, made).expect(200)
    with database.cursor() as cursor:
        cursor.execute("UPDATE gusp.issue SET visibility = 'confidential' WHERE id = %s", [issue])
    content(world.bailleur, made).expect(404)
    assert made.id not in ids(world.bailleur)
    content(world.city, made).expect(200)
    world.city.patch(made.url, {"title": unique("Toujours")}).expect(200)
    content(world.bailleur, made).expect(404)


def test_a_facilitator_files_within_its_mandate(world):
    file(world.facilitator).expect(403)
    made = file(world.mandated).expect(201)
    world.mandated.patch(made, {"title": unique("Autre")}).expect(200)
    world.mandated.patch(file(world.city).expect(201), {"title": unique("Autre")}).expect(403)
    made = file(world.mandated, visibility="internal").expect(201)
    content(world.mandated, made).expect(200)
    content(world.city, made).expect(404)


# --- metadata ------------------------------------------------------------------------------


def test_a_document_is_public_only_when_faces_and_plates_were_checked(world):
    assert file(world.city, visibility="public").expect(422).problem.code == "document_not_cleared"
    made = file(world.city).expect(201)
    assert world.city.patch(made, {"visibility": "public"}).expect(422).problem.code == "document_not_cleared"
    made = world.city.patch(made, {"visibility": "public", "faces_plates_checked": True}).expect(200)
    assert made.json["visibility"] == "public"
    assert world.city.patch(made, {"faces_plates_checked": False}).expect(422).problem.code == "document_not_cleared"


@pytest.mark.parametrize("title", ["Photo de a.b@ville.example.org", "Appeler le 01 99 00 00 01"])
def test_personal_data_in_a_title_is_refused_or_stays_internal(world, title):
    problem = file(world.bailleur, title=title).expect(422).problem
    assert problem.code == "personal_data_suspected" and problem.errors[0]["parameter"] == "title"
    made = file(world.bailleur, title=title, visibility="partners", acknowledge_personal_data="true").expect(201)
    assert made.json["visibility"] == "internal"
    world.city.get(made.url).expect(404)
    assert world.bailleur.patch(made, {"visibility": "partners"}).expect(422).problem.code \
        == "document_personal_data_is_internal"
    made = world.bailleur.patch(made, {"title": unique("Photo"), "visibility": "partners"}).expect(200)
    world.city.get(made.url).expect(200)
    assert world.bailleur.patch(made, {"title": title}).expect(422).problem.pointers == ["/title"]
    made = world.bailleur.patch(made, {"title": title, "acknowledge_personal_data": True}).expect(200)
    assert made.json["visibility"] == "internal"


def test_keywords_are_looked_at_too(world):
    file(world.city, keywords="parc,01 99 00 00 01").expect(422)


def test_what_is_said_of_a_document_changes_and_its_bytes_do_not(world):
    made = file(world.city, keywords="parc,jeux", licence="Licence ouverte 2.0").expect(201)
    assert made.json["keywords"] == ["parc", "jeux"] and made.json["licence"] == "Licence ouverte 2.0"
    changed = world.city.patch(made, {"title": "Après", "keywords": [], "toolbox": True, "licence": None}).expect(200)
    assert changed.json == {**made.json, "title": "Après", "keywords": [], "toolbox": True, "licence": None,
                            "version": 2, "updated_at": changed.json["updated_at"]}
    for member in ("sha256", "size", "media_type", "kind", "target_id"):
        assert world.city.patch(changed, {member: "x"}).expect(422).problem.pointers == [f"/{member}"]
    world.city.patch(made, {"title": "Autre"}).expect(412)
    world.city.patch(made, {"title": "Autre"}, if_match=None).expect(428)


def test_a_document_is_archived_and_brought_back(world):
    made = file(world.bailleur).expect(201)
    world.bailleur_b.move(made, "archived").expect(403)
    archived = world.bailleur.move(made, "archived").expect(200)
    assert archived.json["status"] == "archived" and archived.json["allowed_transitions"] == ["active"]
    assert made.id not in ids(world.city) and made.id in ids(world.city, status="archived")
    content(world.city, made).expect(200)
    assert world.bailleur.move(archived, "active").expect(200).json["status"] == "active"
    events = world.city.get(made.url + "/history").expect(200).items
    assert [e["kind"] for e in events] == ["document.created", "document.archived", "document.active"]
    assert events[0]["changes"]["sha256"]["after"] == made.json["sha256"]


def test_documents_are_filtered(world, issue_of):
    issue = issue_of(world)
    made = file(world.city, kind="charter", toolbox="true", visibility="public", faces_plates_checked="true",
                keywords="inondation,réglement", target_type="issue", target_id=issue).expect(201)
    word = made.json["title"].split()[-1]
    good = {"kind": "charter,plan", "toolbox": "true", "visibility": "public", "target_id": issue, "status": "active",
            "q": f"inondations {word}"}
    bad = {"kind": "plan", "toolbox": "false", "visibility": "partners,internal", "target_id": str(uuid.uuid4()),
           "status": "archived", "q": word + " " + mark()}
    assert ids(world.city, **good) == [made.id]
    for name, value in good.items():
        assert made.id in ids(world.city, **{name: value}), name
    for name, value in bad.items():
        assert made.id not in ids(world.city, **{name: value}), name


def test_documents_are_sorted_and_each_is_shown_once(world, issue_of):
    issue = issue_of(world)
    made = {file(world.city, target_type="issue", target_id=issue).expect(201).id for _ in range(7)}
    newest = [d for d in world.city.pages(PATH, {"target_id": issue, "limit": 2})]
    assert [d["created_at"] for d in newest] == sorted((d["created_at"] for d in newest), reverse=True)
    assert sorted(d["id"] for d in newest) == sorted(made)
    titles = [d["title"] for d in world.city.pages(PATH, {"target_id": issue, "limit": 3, "sort": "title"})]
    assert len(titles) == 7 and titles == sorted(titles)


# --- once ------------------------------------------------------------------------------------


def test_the_same_upload_sent_again_is_one_document(world):
    key, path = str(uuid.uuid4()), target()
    data = pdf(2 * MIB)
    send = lambda body=data, at=path, kind="application/pdf": world.city.request(  # noqa: E731
        "POST", at, data=body, content_type=kind, key=key)
    first, again = send().expect(201), send().expect(201)
    assert again.json == first.json and again.headers["idempotency-replayed"] == "true"
    for other in (send(body=pdf(2 * MIB, seed=9)), send(at=target()), send(body=FILES["image/jpeg"], kind="image/jpeg")):
        assert other.expect(422).problem.code == "idempotency_mismatch"
    assert ids(world.city, q=first.json["title"]) == [first.id]


def test_an_upload_needs_a_key(world):
    assert world.city.request("POST", target(), data=jpeg(), content_type="image/jpeg").expect(400).problem.code \
        == "idempotency_key_missing"


def test_no_body_stays_on_disk(server):
    left = [name for name in os.listdir(server.dir / "bodies")] if (server.dir / "bodies").exists() else []
    assert left == []
