internal import AsyncHTTPClient
internal import Logging
internal import NIOCore
internal import NIOHTTP1
internal import NIOSSL
import Resources
import Synchronization

/// An etcd cluster behind its JSON gateway: several endpoints, a token, bounded answers.
///
/// A request goes to the endpoint that answered last. One that does not answer in time, or has no leader, is left for the
/// next; the first is chosen by chance, so that many clients spread.
final class EtcdClient: Sendable {
    let settings: EtcdSettings
    let logger: Logger
    private let http: HTTPClient
    private let state: Mutex<State>

    private struct State {
        var endpoints: [EtcdEndpoint]
        var current = 0
        var token: String?
        /// What was said last about an endpoint, so that it is said once.
        var complaint: String?
        var discoveredAt: ContinuousClock.Instant?
    }

    init(settings: EtcdSettings, logger: Logger) throws(EtcdError) {
        self.settings = settings
        self.logger = logger
        let timeout = TimeAmount(settings.requestTimeout)
        var configuration = HTTPClient.Configuration(
            redirectConfiguration: .disallow,
            timeout: HTTPClient.Configuration.Timeout(connect: timeout)
        )
        configuration.tlsConfiguration = try Self.tls(settings)
        configuration.connectionPool.retryConnectionEstablishment = false
        configuration.connectionPool.concurrentHTTP1ConnectionsPerHostSoftLimit = 16
        // One protocol whether TLS is spoken or not: a watch then is a connection, and closing one ends the other.
        configuration.httpVersion = .http1Only
        self.http = HTTPClient(eventLoopGroupProvider: .singleton, configuration: configuration)
        self.state = Mutex(State(endpoints: settings.endpoints.shuffled()))
    }

    private static func tls(_ settings: EtcdSettings) throws(EtcdError) -> TLSConfiguration {
        var tls = TLSConfiguration.makeClientConfiguration()
        func load<Value>(_ file: String, _ body: () throws -> Value) throws(EtcdError) -> Value {
            do {
                return try body()
            } catch {
                throw .unreachable("cannot read \(file): \(error)")
            }
        }
        if let file = settings.authorityFile {
            tls.trustRoots = .certificates(try load(file) { try NIOSSLCertificate.fromPEMFile(file) })
        }
        guard (settings.certificateFile == nil) == (settings.keyFile == nil) else {
            throw .unreachable("a client certificate needs its key, and a key its certificate")
        }
        if let file = settings.certificateFile {
            tls.certificateChain = try load(file) { try NIOSSLCertificate.fromPEMFile(file).map { .certificate($0) } }
        }
        if let file = settings.keyFile {
            tls.privateKey = .privateKey(try load(file) { try NIOSSLPrivateKey(file: file, format: .pem) })
        }
        return tls
    }

    /// Closes all connections; watches end.
    func close() async {
        try? await self.http.shutdown()
    }

    /// Sends a request to one endpoint after the other and returns the answer, with whether an earlier try may have worked too.
    func call(_ path: String, _ body: String) async throws(EtcdError) -> (answer: ManifestValue, isRepeated: Bool) {
        let endpoints = try await self.endpoints()
        var tries = max(2, endpoints.count)
        var isRepeated = false
        var hasRenewed = false
        var last = EtcdError.unreachable("no endpoint is known")
        while tries > 0, !Task.isCancelled {
            guard let endpoint = self.endpoint() else { throw last }
            do throws(EtcdError) {
                let answer = try await self.exchange(endpoint, path, body, token: try await self.token(endpoint))
                self.succeeded(endpoint)
                return (answer, isRepeated)
            } catch {
                if self.settings.credentials != nil, error.concernsToken, !hasRenewed {
                    hasRenewed = true
                    self.state.withLock { $0.token = nil }
                    continue
                }
                guard error.isTransient else { throw error }
                last = error
                tries -= 1
                isRepeated = true
                self.failed(endpoint, error)
            }
        }
        throw last
    }

    /// An open watch: the response and the endpoint that sends it.
    struct Watch: Sendable {
        var endpoint: EtcdEndpoint
        var response: HTTPClientResponse
    }

    /// Opens a watch at the present endpoint; each failure moves on to the next for the caller's next try.
    ///
    /// `check` judges the store as it is now, before the watch begins.
    func watch(_ body: String, check: (AnswerHeader) throws(EtcdError) -> Void) async throws(EtcdError) -> Watch {
        _ = try await self.endpoints()
        guard let endpoint = self.endpoint() else { throw .unreachable("no endpoint is known") }
        do throws(EtcdError) {
            let token = try await self.token(endpoint)
            // The member has to catch up with its leader first: one that lags would look as if history were lost.
            let header = try AnswerHeader(
                try await self.exchange(endpoint, "/v3/kv/range", EtcdRequests.probe, token: token)
            )
            try check(header)
            var request = self.request(endpoint, "/v3/watch", body, token: token)
            // A member without a leader ends the watch instead of falling silent.
            request.headers.add(name: "Grpc-Metadata-hasleader", value: "true")
            let response: HTTPClientResponse
            do {
                response = try await self.http.execute(request, timeout: TimeAmount(self.settings.requestTimeout))
            } catch {
                throw EtcdError.unreachable("\(endpoint): \(error)")
            }
            guard response.status == .ok else {
                throw try await self.refusal(endpoint, response)
            }
            return Watch(endpoint: endpoint, response: response)
        } catch {
            self.lost(endpoint, error)
            throw error
        }
    }

    /// Takes notice of a watch that failed, so that the next one goes elsewhere.
    func lost(_ endpoint: EtcdEndpoint, _ error: EtcdError) {
        if error.concernsToken { self.state.withLock { $0.token = nil } }
        if error.isTransient { self.failed(endpoint, error) }
    }

    /// Asks one endpoint for a read that needs a quorum.
    func probe(_ endpoint: EtcdEndpoint) async throws(EtcdError) {
        do throws(EtcdError) {
            _ = try await self.exchange(
                endpoint,
                "/v3/kv/range",
                EtcdRequests.probe,
                token: try await self.token(endpoint)
            )
        } catch {
            guard self.settings.credentials != nil, error.concernsToken else { throw error }
            self.state.withLock { $0.token = nil }
        }
    }

    // MARK: One request

    private func request(
        _ endpoint: EtcdEndpoint,
        _ path: String,
        _ body: String,
        token: String?
    ) -> HTTPClientRequest {
        var request = HTTPClientRequest(url: "\(endpoint)\(path)")
        request.method = .POST
        request.headers.add(name: "Content-Type", value: "application/json")
        if let token { request.headers.add(name: "Authorization", value: token) }
        request.body = .bytes(ByteBuffer(string: body))
        return request
    }

    private func exchange(
        _ endpoint: EtcdEndpoint,
        _ path: String,
        _ body: String,
        token: String?
    ) async throws(EtcdError) -> ManifestValue {
        let request = self.request(endpoint, path, body, token: token)
        let timeout = self.settings.requestTimeout
        let limit = self.settings.maximumAnswer
        let http = self.http
        // The client's own deadline covers the head of the response only.
        let outcome = await withTaskGroup(of: Result<(UInt, [UInt8]), EtcdError>?.self) { group in
            group.addTask {
                do {
                    let response = try await http.execute(request, timeout: TimeAmount(timeout))
                    let body = try await response.body.collect(upTo: limit)
                    return .success((response.status.code, Array(buffer: body)))
                } catch is NIOTooManyBytesError {
                    return .failure(.oversized(limit: limit))
                } catch {
                    return .failure(.unreachable("\(endpoint): \(error)"))
                }
            }
            group.addTask {
                try? await Task.sleep(for: timeout)
                return nil
            }
            defer { group.cancelAll() }
            return await group.next() ?? nil
        }
        guard let outcome else { throw .unreachable("\(endpoint): no answer within \(timeout)") }
        let (status, octets) = try outcome.get()
        return try Self.answer(endpoint, status: status, octets)
    }

    private static func answer(_ endpoint: EtcdEndpoint, status: UInt, _ octets: [UInt8]) throws(EtcdError)
        -> ManifestValue
    {
        let value: ManifestValue
        do {
            value = try JSONReader.value(octets)
        } catch {
            guard status == 200 else { throw .unreachable("\(endpoint): HTTP status \(status)") }
            throw .unreadable("\(endpoint): \(error)")
        }
        guard status == 200 else { throw EtcdError(value) }
        return value
    }

    private func refusal(_ endpoint: EtcdEndpoint, _ response: HTTPClientResponse) async throws(EtcdError) -> EtcdError
    {
        let body: ByteBuffer
        do {
            body = try await response.body.collect(upTo: 65_536)
        } catch {
            return .unreachable("\(endpoint): HTTP status \(response.status.code)")
        }
        do throws(EtcdError) {
            _ = try Self.answer(endpoint, status: response.status.code, Array(buffer: body))
            return .unreadable("\(endpoint): HTTP status \(response.status.code)")
        } catch {
            return error
        }
    }

    private func token(_ endpoint: EtcdEndpoint) async throws(EtcdError) -> String? {
        guard let credentials = self.settings.credentials else { return nil }
        if let token = self.state.withLock({ $0.token }) { return token }
        do throws(EtcdError) {
            let answer = try await self.exchange(
                endpoint,
                "/v3/auth/authenticate",
                EtcdRequests.authenticate(credentials),
                token: nil
            )
            guard let token = answer["token"]?.string, !token.isEmpty,
                token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
            else { throw EtcdError.unreadable("there is no token in the answer") }
            self.state.withLock { $0.token = token }
            return token
        } catch {
            // A store without authentication takes requests without a token.
            if case .refused(9, _) = error { return nil }
            // Refused credentials stay refused.
            if case .refused(let code, let message) = error, ![1, 4, 14].contains(code) {
                throw .refused(code: 7, message: "user \(credentials.name): \(message)")
            }
            throw error
        }
    }

    // MARK: Endpoints

    private func endpoint() -> EtcdEndpoint? {
        self.state.withLock { state in
            state.endpoints.isEmpty ? nil : state.endpoints[state.current % state.endpoints.count]
        }
    }

    /// The endpoints, discovered when they have to be and have not been lately.
    private func endpoints() async throws(EtcdError) -> [EtcdEndpoint] {
        guard let domain = self.settings.discoveryDomain else { return self.state.withLock { $0.endpoints } }
        let now = ContinuousClock.now
        let (known, isFresh) = self.state.withLock { state in
            (state.endpoints, state.discoveredAt.map { now - $0 < .seconds(60) } ?? false)
        }
        if isFresh, !known.isEmpty { return known }
        let resolver = ServiceResolver(server: self.settings.nameServer, port: self.settings.nameServerPort)
        do throws(DNSMessage.Failure) {
            let found = try await resolver.etcdEndpoints(domain: domain)
            self.state.withLock { state in
                // The order is the records' own; an unchanged set keeps its place.
                if Set(state.endpoints) != Set(found) {
                    state.endpoints = found
                    state.current = 0
                }
                state.discoveredAt = now
            }
            return found
        } catch {
            guard known.isEmpty else { return known }
            throw .unreachable("discovery in \(domain): \(error)")
        }
    }

    private func failed(_ endpoint: EtcdEndpoint, _ error: EtcdError) {
        let isNew = self.state.withLock { state -> Bool in
            guard !state.endpoints.isEmpty else { return false }
            if state.endpoints[state.current % state.endpoints.count] == endpoint {
                state.current = (state.current + 1) % state.endpoints.count
            }
            defer { state.complaint = "\(error)" }
            return state.complaint != "\(error)"
        }
        guard isNew, !Task.isCancelled else { return }
        self.logger.warning("An etcd endpoint failed", metadata: ["endpoint": "\(endpoint)", "error": "\(error)"])
    }

    private func succeeded(_ endpoint: EtcdEndpoint) {
        let isNews = self.state.withLock { $0.complaint.take() != nil }
        if isNews { self.logger.notice("etcd answers", metadata: ["endpoint": "\(endpoint)"]) }
    }
}

extension TimeAmount {
    init(_ duration: Duration) {
        let (seconds, attoseconds) = duration.components
        self = .seconds(seconds) + .nanoseconds(attoseconds / 1_000_000_000)
    }
}
