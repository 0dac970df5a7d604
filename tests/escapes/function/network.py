"""Ways to talk to somebody."""

import ctypes
import os
import signal
import socket
import stat
import struct
from contextlib import suppress

from declare import attempt

RIGHTS = ("no_capabilities", "own_user", "user_namespace")
NETLINK_ROUTE = 0
IPPROTO_MPTCP = 262
SO_ATTACH_FILTER, SO_PEERPIDFD = 26, 77
BPF_RETURN = 6
AF_ALG, AF_PACKET, AF_VSOCK = 38, 17, 40


def connect(family, address):
    with socket.socket(family) as connection:
        connection.settimeout(20)
        connection.connect(address)
        return connection.getpeername()


@attempt("ENETUNREACH EACCES", "network_namespace", "landlock")
def the_runtimes_own_port(facts):
    return connect(socket.AF_INET, ("127.0.0.1", facts["enclave_port"]))


@attempt("ENETUNREACH EACCES", "network_namespace", "landlock")
def the_control_plane(facts):
    return connect(socket.AF_INET, ("127.0.0.1", facts["platform_port"]))


@attempt("ENETUNREACH EACCES EADDRNOTAVAIL", "network_namespace", "landlock")
def the_control_plane_by_its_newer_address(facts):
    return connect(socket.AF_INET6, ("::ffff:127.0.0.1", facts["platform_port"], 0, 0))


@attempt("ENETUNREACH", "network_namespace")
def a_datagram_to_the_machine(facts):
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as sender:
        return sender.sendto(b"secret", ("127.0.0.1", facts["datagram_port"]))


@attempt("EACCES", "landlock")
def a_port_of_its_own(_facts):
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()


@attempt("ENOENT", "private_root", "landlock", "own_user")
def the_store_of_blobs(facts):
    return connect(socket.AF_UNIX, facts["blobs_socket"])


@attempt("ECONNREFUSED EPERM", "network_namespace", "landlock")
def a_socket_without_a_file(facts):
    return connect(socket.AF_UNIX, "\0" + facts["abstract_socket"])


@attempt("EPERM", "system_calls")
def the_host_of_a_virtual_machine(_facts):
    return socket.socket(AF_VSOCK, socket.SOCK_STREAM).close()


@attempt("EPERM", "system_calls")
def the_kernels_own_sockets(_facts):
    return socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, NETLINK_ROUTE).close()


@attempt("EPERM", "system_calls")
def the_kernels_cryptography(_facts):
    return socket.socket(AF_ALG, socket.SOCK_SEQPACKET).close()


@attempt("EPERM", "system_calls", *RIGHTS)
def every_packet(_facts):
    return socket.socket(AF_PACKET, socket.SOCK_RAW).close()


@attempt("EPERM", "system_calls")
def a_protocol_that_is_not_ordinary(_facts):
    return socket.socket(socket.AF_INET, socket.SOCK_STREAM, IPPROTO_MPTCP).close()


@attempt("EPERM", "system_calls")
def a_program_that_looks_at_packets(_facts):
    program = struct.pack("HBBI", BPF_RETURN, 0, 0, 0)
    kept = ctypes.create_string_buffer(program)
    described = struct.pack("HP", 1, ctypes.addressof(kept))
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as filtered:
        return filtered.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, described) or kept.raw


@attempt("EINVAL ENOPROTOOPT", "pid_namespace", "landlock", "own_user", "user_namespace")
def signal_whoever_made_its_pipe(_facts):
    """By a descriptor of that process, which a socket gives (unix(7), SO_PEERPIDFD)."""
    with socket.socket(fileno=os.dup(its_pipe())) as pipe:
        runtime = struct.unpack("i", pipe.getsockopt(socket.SOL_SOCKET, SO_PEERPIDFD, 4))[0]
    try:
        signal.pidfd_send_signal(runtime, 0)
    finally:
        os.close(runtime)
    return "signalled"


def its_pipe():
    """The number of the descriptor that leads to the runtime."""
    for number in range(3, 1024):
        with suppress(OSError):
            if stat.S_ISSOCK(os.fstat(number).st_mode):
                return number
    raise FileNotFoundError(2, "there is none")


@attempt("EPERM", "system_calls", *RIGHTS)
def packets_of_its_own_making(_facts):
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
