"""Talks to a container runtime as Kubernetes does: runtime.v1 of the Container Runtime Interface (CRI), over gRPC.

Messages are encoded by hand, in the wire format of protobuf: pairs of a field's number and its value, a message being a list of them.
"""
import json
import sys

import grpc

# NamespaceMode
MODES = {"pod": 0, "container": 1, "node": 2}


def varint(number):
    encoded = bytearray()
    while number > 127:
        encoded.append(number & 127 | 128)
        number >>= 7
    return bytes(encoded) + bytes([number])


def encode(message):
    encoded = b""
    for field, value in message:
        if isinstance(value, int):
            encoded += varint(field << 3) + varint(value)
            continue
        if isinstance(value, str):
            value = value.encode()
        elif isinstance(value, list):
            value = encode(value)
        encoded += varint(field << 3 | 2) + varint(len(value)) + value
    return encoded


def read_varint(encoded):
    number = shift = 0
    while encoded:
        number |= (encoded[0] & 127) << shift
        shift += 7
        if encoded[0] < 128:
            return number, encoded[1:]
        encoded = encoded[1:]


def fields(encoded):
    while encoded:
        key, encoded = read_varint(encoded)
        value, encoded = read_varint(encoded)
        if key & 7 == 2:
            value, encoded = encoded[:value], encoded[value:]
        yield key >> 3, value


def decode(encoded):
    """The last value of each field, which is the only one of most of those that are used here."""
    return dict(fields(encoded))


class Runtime:
    def __init__(self, socket="/run/containerd/containerd.sock"):
        self.channel = grpc.insecure_channel(f"unix:{socket}")

    def ask(self, method, message):
        method = f"/runtime.v1.RuntimeService/{method}"
        try:
            return self.channel.unary_unary(method)(encode(message), timeout=25)
        except grpc.RpcError as error:
            sys.exit(f"{sys.argv[0]}: {method}: {error.details()}")

    def call(self, method, message):
        return decode(self.ask(method, message))

    def first_process(self, status, id):
        """Its PID, which is told among what is meant for people."""
        told = decode(self.call(status, [(1, id), (2, 1)])[2])
        return json.loads(told[2])["pid"]
