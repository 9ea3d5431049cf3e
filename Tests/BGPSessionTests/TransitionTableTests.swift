import BGPWire
import IPAddressing
import Testing

@testable import BGPSession

@Suite("RFC 4271 transition table")
struct TransitionTableTests {
    struct Row {
        var setups: [String]
        var events: [String]
        var next: String
        var effects: [String]
        var note: String
    }

    static let rows: [Row] = transitionTable.split(separator: "\n").map { line in
        let columns = line.split(separator: "|", omittingEmptySubsequences: false).map { column in
            String(column).split(separator: " ").joined(separator: " ")
        }
        return Row(
            setups: columns[0].split(separator: ",").map(String.init),
            events: columns[1].split(separator: ",").map(String.init),
            next: columns[2],
            effects: columns[3].split(separator: " ").map(String.init),
            note: columns[4]
        )
    }

    static let setups = [
        "idle", "connect", "connectOption", "connectDelaying", "active", "activeOption", "activeDelaying", "openSent",
        "openConfirm", "openConfirm0", "established", "established0",
    ]
    static let eventNames = (1...29).map(String.init) + ["R", "U", "D"]

    struct Flags {
        var damps: Bool
        var notifies: Bool
    }

    static let flags = [
        Flags(damps: false, notifies: false), Flags(damps: true, notifies: false), Flags(damps: false, notifies: true),
        Flags(damps: true, notifies: true),
    ]

    @Test("The table has one line for every setup and event")
    func tableIsComplete() {
        for setup in Self.setups {
            for event in Self.eventNames {
                let matching = Self.rows.filter { $0.setups.contains(setup) && $0.events.contains(event) }
                #expect(matching.count == 1, "\(setup) \(event)")
            }
        }
        for row in Self.rows {
            #expect(Set(row.setups).isSubset(of: Self.setups), "\(row)")
            #expect(Set(row.events).isSubset(of: Self.eventNames), "\(row)")
        }
    }

    @Test("The machine does what the table says in every setup, for every event and flag", arguments: setups)
    func machineFollowsTable(setup: String) throws {
        for row in Self.rows where row.setups.contains(setup) {
            for name in row.events {
                for flags in Self.flags {
                    try check(row, setup, name, flags)
                }
            }
        }
    }

    private func check(_ row: Row, _ setup: String, _ name: String, _ flags: Flags) throws {
        var machine = try self.machine(setup, flags)
        let session = try sampleSession(machine.configuration, holdTime: setup.hasSuffix("0") ? 0 : 30)
        let event = try self.event(name, session)
        #expect(event.number.map(String.init) ?? name == name)
        let before = machine
        let actions = machine.handle(event).array
        let context = Comment(rawValue: "\(setup), event \(name), \(flags), line: \(row.note), got \(actions)")

        var effects = row.effects
        var next = row.next
        if next == "damped" {
            // Events 6, 7 and 13 in Idle: starts, active or passive, with damping; ignored without.
            next = !flags.damps ? "idle" : name == "7" ? "active" : "connect"
            effects = !flags.damps ? [] : ["arm:connectRetry:retry", "listen"] + (name == "7" ? [] : ["dial"])
        }
        #expect(String(describing: machine.state).lowercased() == next.lowercased(), context)

        var expected: [String] = []
        var timers = before.runningTimers
        switch name {
        case "9": timers.remove(.connectRetry)
        case "10": timers.remove(.hold)
        case "11": timers.remove(.keepalive)
        case "12": timers.remove(.delayOpen)
        case "13": timers.remove(.idleHold)
        case "29": timers.remove(.sendHold)
        default: break
        }
        var counter = before.connectRetryCounter
        for effect in effects {
            let parts = effect.split(separator: ":").map(String.init)
            switch parts[0] {
            case "zero": counter = 0
            case "+1": counter += 1
            case "damp": if flags.damps { expected.append("damp") }
            case "drop", "abort": if before.transport != .none { expected.append(parts[0]) }
            case "notify?": if flags.notifies && before.transport == .connected { expected.append("notify:given") }
            case "stop" where parts.count == 1: timers = []
            case "stop": timers.remove(try self.timer(parts[1]))
            case "arm":
                timers.insert(try self.timer(parts[1]))
                expected.append(effect)
            default: expected.append(effect)
            }
        }
        #expect(machine.connectRetryCounter == counter, context)
        #expect(machine.runningTimers == timers, context)

        var armed = before.runningTimers
        if let expired = ["9": .connectRetry, "10": .hold, "11": .keepalive, "12": .delayOpen, "29": .sendHold][name]
            as SessionTimers?
        {
            armed.remove(expired)
        }
        var observed: [String] = []
        for action in actions {
            switch action {
            case .connect: observed.append("dial")
            case .listen: observed.append("listen")
            case .rejectConnectionRequest: observed.append("reject")
            case .trackSecondConnection: observed.append("track")
            case .send(.open(let open)):
                #expect(open == machine.localOpen, context)
                observed.append("open")
            case .send(.keepalive): observed.append("keepalive")
            case .send(.notification(let notification)):
                observed.append(
                    notification == self.given(event)
                        ? "notify:given" : "notify:\(notification.code.rawValue)/\(notification.subcode)"
                )
            case .arm(let timer, let duration):
                armed.insert(SessionTimers(timer))
                observed.append("arm:\(timer):\(self.value(timer, duration, before.configuration, session))")
            case .cancel(let cancelled):
                #expect(cancelled.isSubset(of: armed), context)
                armed.subtract(cancelled)
            case .closeConnection: observed.append("drop")
            case .dropConnectionSilently: observed.append("abort")
            case .releaseResources: observed.append("release")
            case .dampOscillations: observed.append("damp")
            case .sessionEstablished(let established):
                #expect(established == session, context)
                observed.append("up")
            case .sessionDown: observed.append("routes")
            case .deliverUpdate: observed.append("update")
            case .deliverRouteRefresh: observed.append("refresh")
            }
        }
        #expect(observed.sorted() == expected.sorted(), context)
        #expect(armed == timers, "the actions alone lead to the same timers: \(context)")
    }

    private func machine(_ setup: String, _ flags: Flags) throws -> SessionStateMachine {
        var configuration = sampleConfiguration()
        configuration.dampsPeerOscillations = flags.damps
        configuration.sendsNotificationWithoutOpen = flags.notifies
        if setup.hasSuffix("Option") || setup.hasSuffix("Delaying") { configuration.delayOpenTime = .seconds(7) }
        var machine = SessionStateMachine(configuration: configuration)
        let session = try sampleSession(configuration, holdTime: setup.hasSuffix("0") ? 0 : 30)
        let events: [SessionEvent] =
            switch setup {
            case "idle": []
            case "connect", "connectOption": [.manualStart]
            case "connectDelaying": [.manualStart, .tcpConnectionRequestAcknowledged]
            case "active", "activeOption": [.manualStartWithPassiveTCPEstablishment]
            case "activeDelaying": [.manualStartWithPassiveTCPEstablishment, .tcpConnectionConfirmed]
            case "openSent": [.manualStart, .tcpConnectionRequestAcknowledged]
            case "openConfirm", "openConfirm0":
                [.manualStart, .tcpConnectionRequestAcknowledged, .openReceived(session)]
            default:
                [.manualStart, .tcpConnectionRequestAcknowledged, .openReceived(session), .keepaliveReceived]
            }
        for event in events { _ = machine.handle(event) }
        machine.connectRetryCounter = 5
        return machine
    }

    private func event(_ name: String, _ session: NegotiatedSession) throws -> SessionEvent {
        let events: [String: SessionEvent] = [
            "1": .manualStart, "2": .manualStop(.cease(.administrativeShutdown, communication: "bye")),
            "3": .automaticStart, "4": .manualStartWithPassiveTCPEstablishment,
            "5": .automaticStartWithPassiveTCPEstablishment, "6": .automaticStartWithDampPeerOscillations,
            "7": .automaticStartWithDampPeerOscillationsAndPassiveTCPEstablishment,
            "8": .automaticStop(.cease(.outOfResources)), "9": .connectRetryTimerExpired, "10": .holdTimerExpired,
            "11": .keepaliveTimerExpired, "12": .delayOpenTimerExpired, "13": .idleHoldTimerExpired,
            "14": .tcpConnectionValid, "15": .tcpConnectionRequestInvalid, "16": .tcpConnectionRequestAcknowledged,
            "17": .tcpConnectionConfirmed, "18": .tcpConnectionFailed(104), "19": .openReceived(session),
            "20": .openReceivedWithDelayOpenTimerRunning(session),
            "21": .headerError(.messageHeader(.connectionNotSynchronized)),
            "22": .openMessageError(.open(.badPeerAS)),
            "23": .openCollisionDump(.cease(.connectionCollisionResolution)),
            "24": .notificationVersionErrorReceived(.open(.unsupportedVersionNumber, data: [0, 4])),
            "25": .notificationReceived(.cease(.administrativeReset)), "26": .keepaliveReceived,
            "27": .updateReceived, "28": .updateMessageError(.update(.malformedAttributeList)),
            "29": .sendHoldTimerExpired, "R": .routeRefreshReceived, "U": .updateSent, "D": .dataAccepted,
        ]
        return try #require(events[name])
    }

    private func given(_ event: SessionEvent) -> Notification? {
        switch event {
        case .manualStop(let notification), .automaticStop(let notification), .openCollisionDump(let notification):
            notification
        case .headerError(let notification), .openMessageError(let notification), .updateMessageError(let notification),
            .notificationReceived(let notification), .notificationVersionErrorReceived(let notification):
            notification
        default: nil
        }
    }

    private func timer(_ name: String) throws -> SessionTimers {
        SessionTimers(try #require(SessionTimer.allCases.first { String(describing: $0) == name }))
    }

    private func value(
        _ timer: SessionTimer,
        _ duration: Duration,
        _ configuration: SessionConfiguration,
        _ session: NegotiatedSession
    ) -> String {
        switch (timer, duration) {
        case (.connectRetry, configuration.connectRetryTime): "retry"
        case (.delayOpen, configuration.delayOpenTime): "delay"
        case (.hold, .seconds(240)): "large"
        case (.hold, session.holdTime): "negotiated"
        case (.keepalive, session.keepaliveTime): "keepalive"
        case (.sendHold, session.sendHoldTime): "sendHold"
        default: "\(duration)"
        }
    }
}
