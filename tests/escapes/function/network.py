"""Ways to talk to somebody."""

import socket

from declare import attempt

RIGHTS = ("no_capabilities", "own_user", "user_namespace")
NETLINK_ROUTE = 0
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


@attempt("EPERM", *RIGHTS)
def packets_of_its_own_making(_facts):
    return socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP).close()
