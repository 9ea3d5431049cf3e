internal import BGPSession
internal import BGPWire
internal import IPAddressing
internal import Logging
internal import NIOCore
internal import SpeakerSettings

extension PeerSession {
    /// Takes octets from the socket.
    ///
    /// Returns whether reading is to pause.
    func received(_ buffer: ByteBuffer, on id: ConnectionID) -> Bool {
        guard self.connections[id] != nil else { return false }
        var data = buffer
        if var rest = self.connections[id]?.rest.take() {
            rest.writeImmutableBuffer(buffer)
            data = rest
        }
        self.connections[id]?.deliversUpdates = false
        let consumed = self.readMessages(data, on: id)
        guard self.connections[id] != nil else { return false }
        data.moveReaderIndex(forwardBy: consumed)
        if data.readableBytes > 0 {
            data.discardReadBytes()
            self.connections[id]?.rest = data
        }
        if self.batch.size > 256 << 10 { self.sendBatch() }
        return self.outstanding > Self.outstandingLimit
    }

    /// Everything that could be read was; what was decoded goes to the core.
    func receiveCompleted(on id: ConnectionID) -> Bool {
        self.sendBatch()
        return self.outstanding > Self.outstandingLimit
    }

    /// Reads again if the core has caught up.
    func resumeIfPossible() {
        guard self.outstanding <= Self.outstandingLimit / 2, let id = self.machine.establishedConnection else { return }
        self.connections[id]?.handler?.value.resume()
    }

    func sendBatch() {
        guard !self.batch.isEmpty else { return }
        guard let serial = self.session else {
            self.batch = RouteBatch()
            return
        }
        self.outstanding += self.batch.size
        let batch = self.batch
        self.batch = RouteBatch()
        self.core.send(.routes(serial, batch))
    }

    /// Takes the import policy of a family; what was read before is judged by the former one.
    func setJudge(_ judge: ImportJudge?, _ family: AddressFamily) {
        self.sendBatch()
        if family == .ipv4Unicast { self.judges.ipv4 = judge } else { self.judges.ipv6 = judge }
    }

    /// What reading depends on: a connection becomes another one only by what its messages make the machine do, so it is
    /// looked up again after those and not for each UPDATE.
    private struct Reading {
        var maximumMessageLength: Int
        /// How UPDATEs are read; nil while the machine has to be asked first.
        var updates: UpdateContext?
    }

    private func reading(on id: ConnectionID) -> Reading? {
        guard let connection = self.connections[id] else { return nil }
        return Reading(
            maximumMessageLength: connection.maximumMessageLength,
            updates: connection.deliversUpdates ? connection.context : nil
        )
    }

    /// Takes whole messages off the front.
    ///
    /// Returns how many octets they were; stops when the connection is given up.
    private func readMessages(_ data: ByteBuffer, on id: ConnectionID) -> Int {
        let span = data.readableBytesSpan
        let isTraced = self.settings.common.debug.contains(.packets)
        var offset = 0
        var state = self.reading(on: id)
        while let reading = state {
            let header: MessageHeader
            do throws(Notification) {
                let parsed = try MessageHeader.parse(
                    span.extracting(offset..<span.byteCount),
                    maximumLength: reading.maximumMessageLength
                )
                guard let parsed, parsed.length <= span.byteCount - offset else { return offset }
                header = parsed
            } catch {
                self.handle(.received(id, .headerError(error)))
                return offset
            }
            let body = span.extracting(offset + MessageHeader.size..<offset + header.length)
            offset += header.length
            if isTraced {
                self.logger.info("Received", metadata: ["message": "\(header.type)", "length": "\(header.length)"])
            }
            guard header.type == .update else {
                self.receiveOther(header.type, body, on: id)
                state = self.reading(on: id)
                continue
            }
            self.counters.received.update &+= 1
            if reading.updates == nil {
                self.handle(.received(id, .update))
                state = self.reading(on: id)
            }
            guard let context = state?.updates else { continue }
            if !self.receiveUpdate(body, context, on: id) { state = self.reading(on: id) }
        }
        return offset
    }

    private func receiveOther(_ type: MessageType, _ body: RawSpan, on id: ConnectionID) {
        switch type {
        case .open:
            self.counters.received.open += 1
            do throws(Notification) {
                let open = try Open.decode(body: body)
                self.handle(.received(id, .open(open)))
            } catch {
                self.handle(.received(id, .openError(error)))
            }
        case .keepalive:
            self.counters.received.keepalive += 1
            self.handle(.received(id, .keepalive))
        case .notification:
            self.counters.received.notification += 1
            // One that does not decode ends the session like any other (it is never answered).
            let notification = Notification.decode(body: body) ?? Notification(code: .init(rawValue: 0))
            self.lastReceived = NotedNotification(notification: notification, time: wallClock())
            self.report("Received NOTIFICATION", ["notification": "\(notification)"])
            self.handle(.received(id, .notification(notification)))
        case .routeRefresh:
            self.counters.received.routeRefresh += 1
            do throws(Notification) {
                let refresh = try RouteRefresh.decode(body: body)
                self.handle(.received(id, .routeRefresh))
                guard self.connections[id] != nil, let serial = self.session else { return }
                self.receiveRefresh(refresh, serial)
            } catch {
                self.handle(self.wrongRefresh(body, error, on: id))
            }
        case .update:
            break
        }
    }

    /// What a ROUTE-REFRESH of a wrong length is to the machine.
    ///
    /// RFC 7313 §5: without the enhanced capability it is not answered with 7/1, and what is too long is another kind of
    /// ROUTE-REFRESH, which is left alone.
    private func wrongRefresh(_ body: RawSpan, _ error: Notification, on id: ConnectionID) -> PeerInput {
        guard self.machine.state(of: id) == .established else { return .received(id, .routeRefresh) }
        if self.machine.negotiated?.enhancedRouteRefresh ?? false { return .received(id, .updateError(error)) }
        guard body.byteCount < 4 else { return .received(id, .routeRefresh) }
        let length = UInt8(MessageHeader.size + body.byteCount)
        return .received(id, .headerError(.messageHeader(.badMessageLength, data: [0, length])))
    }

    private func receiveRefresh(_ refresh: RouteRefresh, _ serial: SessionSerial) {
        guard let negotiated = self.machine.negotiated, negotiated.parameters(of: refresh.family) != nil else { return }
        switch refresh.subtype {
        case .request:
            self.core.send(.refresh(serial, refresh))
        case .beginning where negotiated.enhancedRouteRefresh:
            self.batch.segments.append(.init(kind: .beginningOfRefresh, isIPv4: refresh.family == .ipv4Unicast))
        case .end where negotiated.enhancedRouteRefresh:
            self.batch.segments.append(.init(kind: .endOfRefresh, isIPv4: refresh.family == .ipv4Unicast))
        default:
            break
        }
    }

    /// Decodes an UPDATE; false when the machine was told of an error.
    private func receiveUpdate(_ body: RawSpan, _ context: UpdateContext, on id: ConnectionID) -> Bool {
        do throws(Notification) {
            try self.decoder.decode(body, context)
        } catch {
            if let suppressed = self.errorLines.take(at: .now()) {
                self.logger.warning(
                    "UPDATE ends the session",
                    metadata: [
                        "error": "\(error)", "message": "\(hexadecimal(body, limit: Self.loggedOctets))",
                        "suppressed": "\(suppressed)",
                    ]
                )
            }
            self.handle(.received(id, .updateError(error)))
            return false
        }
        if self.decoder.failure != nil || self.decoder.discardedCount > 0 { self.noteErrors(body) }
        if self.decoder.skippedPrefixCount > 0 || self.decoder.ignoredFamilyCount > 0 { self.noteIgnored(body) }
        self.batch.append(self.decoder, self.judges)
        return true
    }

    /// How much of a malformed UPDATE the log gets: all of it, unless it is an extended message.
    private static let loggedOctets = MessageHeader.standardMaximumLength
    private static let loggedPrefixes = 32

    /// The prefixes that the UPDATE took away, for the log.
    private var involvedPrefixes: String {
        let ipv4 = self.decoder.withdrawnIPv4.prefix(Self.loggedPrefixes).map(\.description)
        let ipv6 = self.decoder.withdrawnIPv6.prefix(Self.loggedPrefixes - ipv4.count).map(\.description)
        let left = self.decoder.withdrawnIPv4.count + self.decoder.withdrawnIPv6.count - ipv4.count - ipv6.count
        return (ipv4 + ipv6).joined(separator: " ") + (left > 0 ? " and \(left) more" : "")
    }

    /// Counts what was wrong with an UPDATE and writes it down with its prefixes and octets, as far as the log is not
    /// flooded (RFC 7606 §6).
    private func noteErrors(_ body: RawSpan) {
        func attribute(_ error: AttributeError) -> Logger.MetadataValue {
            error.extent.isEmpty ? "-" : "\(hexadecimal(body.extracting(error.extent)))"
        }
        if let failure = self.decoder.failure {
            self.counters.treatedAsWithdraw += 1
            self.counters.count(failure, isDiscarded: false)
            self.unused.note(self.decoder, failure, at: wallClock())
            if let suppressed = self.errorLines.take(at: .now()) {
                self.logger.warning(
                    "UPDATE treated as withdrawal",
                    metadata: [
                        "cause": "\(failure)", "attribute": attribute(failure), "prefixes": "\(self.involvedPrefixes)",
                        "message": "\(hexadecimal(body, limit: Self.loggedOctets))", "suppressed": "\(suppressed)",
                    ]
                )
            }
        }
        self.counters.discardedAttributes += UInt64(self.decoder.discardedCount)
        for error in self.decoder.discarded {
            self.counters.count(error, isDiscarded: true)
            // What an external peer may send and nobody uses is no error worth a line at each route.
            let isExpected = error.cause == .fromExternalPeer || error.cause == .notEnabled
            let level: Logger.Level = isExpected ? .debug : .warning
            guard level >= self.logger.logLevel, let suppressed = self.errorLines.take(at: .now()) else { continue }
            self.logger.log(
                level: level,
                "Attribute discarded",
                metadata: ["cause": "\(error)", "attribute": attribute(error), "suppressed": "\(suppressed)"]
            )
        }
    }
}

extension PeerSession {
    /// Counts prefixes of an UPDATE that were left out, and writes them down as far as the log is not flooded.
    private func noteIgnored(_ body: RawSpan) {
        func note(_ cause: AttributeError.Cause, _ count: Int, _ prefixes: [IPPrefix]) {
            guard count > 0 else { return }
            let isNew = self.counters.errors[.prefixes(cause)] == nil
            self.counters.count(.prefixes(cause), times: count)
            // What is only of no use here is worth one line.
            guard cause == .unroutable || isNew, let suppressed = self.errorLines.take(at: .now()) else { return }
            self.logger.warning(
                "Prefixes ignored",
                metadata: [
                    "cause": "\(cause.rawValue)", "prefixes": "\(prefixes.map(\.description).joined(separator: " "))",
                    "message": "\(hexadecimal(body))", "suppressed": "\(suppressed)",
                ]
            )
        }
        let now = wallClock()
        for prefix in self.decoder.skipped { self.unused.note(prefix, .unroutable, at: now) }
        note(.unroutable, self.decoder.skippedPrefixCount, self.decoder.skipped)
        note(.familyNotNegotiated, self.decoder.ignoredFamilyCount, [])
    }
}

extension UpdateErrorKind {
    /// Prefixes that are left out.
    fileprivate static func prefixes(_ cause: AttributeError.Cause) -> UpdateErrorKind {
        UpdateErrorKind(type: PathAttributeType(rawValue: 0), cause: cause, isDiscarded: true)
    }
}

/// The first octets of a message body or attribute as hexadecimal digits, for the log (RFC 7606 §6).
private func hexadecimal(_ span: RawSpan, limit: Int = 256) -> String {
    var text = ""
    for index in 0..<min(span.byteCount, limit) {
        let octet = span.unsafeLoad(fromByteOffset: index, as: UInt8.self)
        text += (octet < 16 ? "0" : "") + String(octet, radix: 16)
    }
    return span.byteCount > limit ? text + "…" : text
}
