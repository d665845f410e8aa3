"""The running server does what proto/openapi.yaml says, and serves nothing else."""
import copy
import gzip
import http.client
import json
import os
import re
import signal
import time

import pytest
import yaml

from cluster.test_supervisor import cluster, vhsm
from support.node import ROOT, Node

with open(os.path.join(ROOT, "proto", "openapi.yaml")) as document:
    API = yaml.safe_load(document)
SET = "/.well-known/jwks.json"
TYPES = {"object": dict, "array": list, "string": str}
# What is asked of each path: method, query, headers, the status that must come.
ASKED = [
    (SET, "get", "", {}, 200), (SET, "get", "", {"Accept-Encoding": "gzip"}, 200),
    (SET, "get", "?use=sig&kty=EC&alg=ES256", {}, 200), (SET, "get", "?unknown=1", {}, 200),
    (SET, "get", "", {"If-None-Match": "*"}, 304), (SET, "get", "?use=x", {}, 400),
    (SET, "get", "?kty=oct&alg=", {}, 400), (SET, "options", "", {"Origin": "https://a"}, 204),
    ("/healthz", "get", "", {}, 200), ("/readyz", "get", "", {}, 200),
    ("/metrics", "get", "", {}, 200),
]


@pytest.fixture(scope="module")
def node():
    with Node() as running:
        yield running


def ask(node, path, method, headers):
    connection = http.client.HTTPConnection(node.http, timeout=30)
    try:
        connection.request(method.upper(), path, headers=headers)
        answer = connection.getresponse()
        return answer.status, {k.lower(): v for k, v in answer.getheaders()}, answer.read()
    finally:
        connection.close()


def check(value, schema, where):
    """The part of JSON Schema that the document uses."""
    if "$ref" in schema:
        schema = API["components"]["schemas"][schema["$ref"].rpartition("/")[2]]
    unknown = set(schema) - {"type", "enum", "pattern", "required", "properties", "items",
                             "additionalProperties", "example"}
    assert not unknown, f"{where}: the check does not know {unknown}"
    assert isinstance(value, TYPES[schema["type"]]), where
    assert "enum" not in schema or value in schema["enum"], f"{where}: {value}"
    assert "pattern" not in schema or re.search(schema["pattern"], value), f"{where}: {value}"
    for name in schema.get("required", []):
        assert name in value, f"{where}: no {name}"
    for name, inner in schema.get("properties", {}).items():
        if name in value:
            check(value[name], inner, f"{where}.{name}")
    if schema.get("additionalProperties") is False:
        assert set(value) <= set(schema["properties"]), f"{where}: {set(value)}"
    for i, item in enumerate(value if "items" in schema else []):
        check(item, schema["items"], f"{where}[{i}]")


def check_answer(said, status, headers, body, where):
    assert str(status) in said["responses"], f"{where}: {status} is not documented"
    response = said["responses"][str(status)]
    for name, header in response.get("headers", {}).items():
        if header["required"]:
            assert name.lower() in headers, f"{where}: no {name}"
        if name.lower() in headers:
            check(headers[name.lower()], header["schema"], f"{where} {name}")
    if headers.get("content-encoding") == "gzip":
        body = gzip.decompress(body)
    if "content" not in response:
        assert body == b"", where
        return
    kind = headers["content-type"].partition(";")[0]
    assert kind in response["content"], f"{where}: {kind}"
    text = body.decode()
    check(json.loads(text) if kind.endswith("json") else text,
          response["content"][kind]["schema"], where)


@pytest.mark.parametrize("path,method,query,headers,expected", ASKED)
def test_an_answer_is_as_documented(node, path, method, query, headers, expected):
    status, got, body = ask(node, path + query, method, headers)
    assert status == expected
    check_answer(API["paths"][path][method], status, got, body, f"{method} {path}{query}")


def test_every_documented_answer_was_asked_for(node):
    asked = {(path, method, str(status)) for path, method, _, _, status in ASKED}
    # Only a node that starts, leaves or has no name says these: the last tests make them.
    asked |= {(SET, "get", "503"), ("/readyz", "get", "503")}
    assert asked == {(path, method, status) for path, methods in API["paths"].items()
                     for method, said in methods.items() for status in said["responses"]}


def test_the_document_has_the_routes_of_the_table_and_the_filters_of_the_server(node):
    with open(os.path.join(ROOT, "vhsmd", "front", "http_routes.def")) as table:
        routes = set(re.findall(r'^VH_ROUTE\(\w+,\s*"(/[^"]*)"', table.read(), re.M))
    assert routes == set(API["paths"])
    for parameter in API["paths"][SET]["get"]["parameters"]:
        if parameter["in"] == "query":
            for value in parameter["schema"].get("enum", []):
                assert ask(node, f"{SET}?{parameter['name']}={value}", "get", {})[0] == 200
            assert ask(node, f"{SET}?{parameter['name']}=-", "get", {})[0] == 400
    for path in API["paths"]:
        for method in ("post", "put", "delete", "options"):
            if method not in API["paths"][path]:
                assert ask(node, path, method, {})[0] == 405


def test_the_check_can_fail(node):
    status, headers, body = ask(node, SET, "get", {})
    said = copy.deepcopy(API["paths"][SET]["get"])
    said["responses"]["200"]["headers"]["ETag"]["schema"]["pattern"] = "^never$"
    with pytest.raises(AssertionError):
        check_answer(said, status, headers, body, "changed header")
    with pytest.raises(AssertionError):
        check_answer(API["paths"][SET]["get"], status, headers, b'{"keys":[{}]}', "changed body")
    with pytest.raises(AssertionError):
        check_answer(API["paths"][SET]["get"], 201, headers, body, "changed status")


def test_a_node_that_leaves_says_so_as_documented():
    with Node() as node:
        node.cli("drain", url=node.operator, check=True)
        status, headers, body = ask(node, "/readyz", "get", {})
        assert status == 503
        check_answer(API["paths"]["/readyz"]["get"], status, headers, body, "/readyz")


@pytest.fixture
def joining(tmp_path):
    """A node of a cluster whose new front cannot hear from vhsmd-peer, which stands
    still; its log, and that peer."""
    pki = str(tmp_path / "ca")
    vhsm("cluster", "init", pki)
    vhsm("cluster", "issue", "--dev", "--ca", pki, "--out", pki, "a")
    with Node(config=cluster(pki)) as node:
        peer = node.pids()["vhsmd-peer"]
        os.kill(peer, signal.SIGSTOP)
        try:
            os.kill(node.pids()["vhsmd-front"], signal.SIGKILL)
            node.wait_for("front-restarted")
            yield node, peer
        finally:
            os.kill(peer, signal.SIGCONT)


def test_a_node_that_has_not_joined_says_so_as_documented(joining):
    node, peer = joining
    for path in (SET, "/readyz"):
        status, headers, body = ask(node, path, "get", {})
        assert status == 503, path
        check_answer(API["paths"][path]["get"], status, headers, body, path)
    assert body == b"not ready: starting\n"
    assert ask(node, SET + "?use=x", "get", {})[0] == 400, "a bad request is one all the same"
    assert ask(node, "/healthz", "get", {})[0] == 200
    report = json.loads(node.ask("status", "--json"))
    assert report["ready"] is False and report["cluster"]["joined"] is False
    os.kill(peer, signal.SIGCONT)
    until = time.monotonic() + 20
    while ask(node, "/readyz", "get", {})[0] != 200:
        assert time.monotonic() < until
        time.sleep(0.02)
    status, headers, body = ask(node, SET, "get", {})
    assert status == 200 and json.loads(body)["keys"]
    check_answer(API["paths"][SET]["get"], status, headers, body, SET)
