internal import CLinux
internal import CNetlinkRoute
internal import Glibc

/// A NETLINK_ROUTE socket of libnl with the options that every use here wants.
///
/// Belongs to one thread.
final class NetlinkSocket {
    private let handle: OpaquePointer
    let fd: Int32
    /// Receive buffer as the kernel reports it, in octets of its own accounting.
    private(set) var receiveBuffer: Int = 212_992
    private let slots: UnsafeMutableRawBufferPointer
    private var lengths: [UInt32]
    private let slotSize: Int

    /// Opens a socket in the calling thread's network namespace.
    ///
    /// `slots` datagrams of up to `slotSize` octets are read per call.
    init(slots: Int, slotSize: Int, receiveBuffer: Int32) throws(NetlinkError) {
        let request = "open netlink socket"
        guard let handle = nl_socket_alloc() else { throw NetlinkError(code: ENOMEM, request: request) }
        nl_socket_disable_seq_check(handle)
        let result = nl_connect(handle, NETLINK_ROUTE)
        guard result == 0 else {
            // libnl keeps errno of the failing system call.
            let code = errno
            nl_socket_free(handle)
            throw NetlinkError(
                code: code == 0 ? EPROTO : code,
                text: String(cString: nl_geterror(result)),
                request: request
            )
        }
        self.handle = handle
        self.fd = nl_socket_get_fd(handle)
        self.slots = .allocate(byteCount: slots * slotSize, alignment: 16)
        self.lengths = [UInt32](repeating: 0, count: slots)
        self.slotSize = slotSize
        // Kernels before 4.20 lack some of these; dumps are filtered again and texts are optional, so refusal is fine.
        for option in [NETLINK_CAP_ACK, NETLINK_EXT_ACK, NETLINK_GET_STRICT_CHK] {
            _ = self.setOption(SOL_NETLINK, option, 1)
        }
        // The forced form needs CAP_NET_ADMIN in the initial user namespace; the other is capped by rmem_max.
        if !self.setOption(SOL_SOCKET, SO_RCVBUFFORCE, receiveBuffer) {
            _ = self.setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer)
        }
        _ = self.setOption(SOL_SOCKET, SO_SNDBUF, 1 << 20)
        var size: Int32 = 0
        var length = socklen_t(MemoryLayout<Int32>.size)
        if getsockopt(self.fd, SOL_SOCKET, SO_RCVBUF, &size, &length) == 0 { self.receiveBuffer = Int(size) }
    }

    deinit {
        nl_socket_free(self.handle)
        self.slots.deallocate()
    }

    private func setOption(_ level: Int32, _ name: Int32, _ value: Int32) -> Bool {
        var value = value
        return setsockopt(self.fd, level, name, &value, socklen_t(MemoryLayout<Int32>.size)) == 0
    }

    /// Bounds every blocking read, so that a lost answer cannot hang the thread.
    func setReadTimeout(seconds: Int) {
        var value = timeval(tv_sec: seconds, tv_usec: 0)
        _ = setsockopt(self.fd, SOL_SOCKET, SO_RCVTIMEO, &value, socklen_t(MemoryLayout<timeval>.size))
    }

    /// Joins a multicast group.
    func join(_ group: UInt32) throws(NetlinkError) {
        let result = nl_socket_add_membership(self.handle, Int32(bitPattern: group))
        guard result == 0 else {
            throw NetlinkError(
                code: errno,
                text: String(cString: nl_geterror(result)),
                request: "join netlink group \(group)"
            )
        }
    }

    /// Sends prepared messages as one datagram.
    func send(_ bytes: [UInt8], _ request: @autoclosure () -> String) throws(NetlinkError) {
        while true {
            let sent = bytes.withUnsafeBytes { Glibc.send(self.fd, $0.baseAddress, $0.count, 0) }
            if sent == bytes.count { return }
            if sent < 0 && errno == EINTR { continue }
            throw NetlinkError(code: sent < 0 ? errno : EMSGSIZE, request: request())
        }
    }

    /// Sends a message that libnl built.
    func send(_ message: OpaquePointer, _ request: @autoclosure () -> String) throws(NetlinkError) {
        let result = nl_send(self.handle, message)
        guard result >= 0 else {
            throw NetlinkError(code: EIO, text: String(cString: nl_geterror(result)), request: request())
        }
    }

    /// What one read brought.
    enum Read {
        /// Datagrams, one after the other.
        case datagrams(Int)
        /// The receive buffer overflowed since the last read.
        case lost
        /// Nothing within the time limit, or nothing there.
        case nothing
    }

    /// Reads what is there, up to the number of slots.
    func read(wait: Bool) throws(NetlinkError) -> Read {
        while true {
            let flags = Int32(wait ? MSG_WAITFORONE : MSG_DONTWAIT)
            let count = clinux_receive_datagrams(
                self.fd,
                self.slots.baseAddress,
                self.slotSize,
                &self.lengths,
                Int32(self.lengths.count),
                flags
            )
            if count > 0 { return .datagrams(Int(count)) }
            switch count == 0 ? EAGAIN : errno {
            case EINTR: continue
            case ENOBUFS: return .lost
            case EAGAIN: return .nothing
            case let code: throw NetlinkError(code: code, request: "read netlink socket")
            }
        }
    }

    /// The messages of datagram `index` of the last read; nil when it did not fit its slot.
    func messages(_ index: Int) -> MessageReader? {
        let length = Int(self.lengths[index])
        guard length <= self.slotSize else { return nil }
        let start = index * self.slotSize
        return MessageReader(NetlinkBytes(UnsafeRawBufferPointer(rebasing: self.slots[start..<(start + length)])))
    }
}
