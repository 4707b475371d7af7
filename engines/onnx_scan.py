"""Reads an ONNX file's operators without running it, or trusting it: for files that a stranger made.

The file is a protocol buffer (onnx.proto3, ONNX IR 8): a ModelProto whose field 7 is the graph; a graph's field 1 are
nodes, 5 and 15 initializers. Lengths are checked against what is there before anything is read.
"""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

_GRAPH, _FUNCTIONS = 7, 25
_NODE, _INITIALIZER, _SPARSE = 1, 5, 15
_OP_TYPE, _ATTRIBUTE, _DOMAIN = 4, 5, 7
_ATTRIBUTE_TENSOR, _ATTRIBUTE_GRAPH, _ATTRIBUTE_TENSORS, _ATTRIBUTE_GRAPHS = 5, 6, 10, 11
_EXTERNAL_DATA, _DATA_LOCATION = 13, 14
_VARINT, _FIXED64, _BYTES, _FIXED32 = 0, 1, 2, 5
_DEEPEST = 8
"""Subgraphs within subgraphs: none of ours has any, so a few are enough for anybody's."""


def operators(path: Path) -> set[str]:
    """The operators of the graph at `path`, as `Name`, or `domain::Name` outside ONNX's own domain.

    Raises:
        ValueError: it is no ONNX file, keeps weights in other files, or brings functions of its own.
    """
    found: set[str] = set()
    try:
        graphs = 0
        for field, value in _fields(memoryview(path.read_bytes())):
            if field == _FUNCTIONS:
                raise ValueError(f"{path.name} defines functions of its own; export it again without them")
            if field == _GRAPH:
                graphs += 1
                _read_graph(_message(value), found, path.name, 0)
    except (IndexError, UnicodeDecodeError) as error:
        raise ValueError(f"{path.name} is no ONNX file, or a broken one") from error
    if graphs != 1:
        raise ValueError(f"{path.name} is no ONNX file, or a broken one")
    return found


def _read_graph(graph: memoryview, found: set[str], file: str, depth: int) -> None:
    if depth > _DEEPEST:
        raise ValueError(f"{file} nests graphs too deep")
    for field, value in _fields(graph):
        if field == _NODE:
            _read_node(_message(value), found, file, depth)
        elif field == _INITIALIZER:
            _check_tensor(_message(value), file)
        elif field == _SPARSE:
            raise ValueError(f"{file} holds sparse tensors, which no avatar needs")


def _read_node(node: memoryview, found: set[str], file: str, depth: int) -> None:
    name = domain = ""
    for field, value in _fields(node):
        if field == _OP_TYPE:
            name = bytes(_message(value)).decode()
        elif field == _DOMAIN:
            domain = bytes(_message(value)).decode()
        elif field == _ATTRIBUTE:
            for inner, content in _fields(_message(value)):
                if inner in (_ATTRIBUTE_TENSOR, _ATTRIBUTE_TENSORS):
                    _check_tensor(_message(content), file)
                elif inner in (_ATTRIBUTE_GRAPH, _ATTRIBUTE_GRAPHS):
                    _read_graph(_message(content), found, file, depth + 1)
    found.add(name if domain in ("", "ai.onnx") else f"{domain}::{name}")


def _check_tensor(tensor: memoryview, file: str) -> None:
    for field, value in _fields(tensor):
        if field == _EXTERNAL_DATA or (field == _DATA_LOCATION and value != 0):
            raise ValueError(f"{file} keeps its weights in other files; export it with the weights inside")


def _message(value: int | memoryview) -> memoryview:
    if isinstance(value, int):
        raise IndexError
    return value


def _fields(data: memoryview) -> Iterator[tuple[int, int | memoryview]]:
    """The fields of one message: numbers as they are, everything with a length as a view."""
    at = 0
    while at < len(data):
        key, at = _varint(data, at)
        kind = key & 7
        if kind == _VARINT:
            value, at = _varint(data, at)
            yield key >> 3, value
            continue
        if kind == _BYTES:
            length, at = _varint(data, at)
        elif kind in (_FIXED64, _FIXED32):
            length = 8 if kind == _FIXED64 else 4
        else:
            raise IndexError
        if at + length > len(data):
            raise IndexError
        yield key >> 3, data[at : at + length]
        at += length


def _varint(data: memoryview, at: int) -> tuple[int, int]:
    value = 0
    for shift in range(0, 70, 7):
        byte = data[at]
        at += 1
        value |= (byte & 0x7F) << shift
        if byte < 0x80:
            return value, at
    raise IndexError
