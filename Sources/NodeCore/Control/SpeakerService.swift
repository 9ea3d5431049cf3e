internal import Logging
internal import ServiceLifecycle
internal import Speaker
internal import UnixSignals

/// The speaker as a service: starts it, and stops it in the way that was asked for.
struct SpeakerService: Service {
    let runtime: SpeakerRuntime

    func run() async throws {
        try await self.runtime.speaker.start()
        try? await gracefulShutdown()
        let isFinal = await self.runtime.isFinal
        await self.runtime.speaker.stop(isFinal ? .final : .restart)
    }
}

/// Reloads the speaker's configuration on SIGHUP.
struct ReloadSignalService: Service {
    let reload: @Sendable () async -> Void

    func run() async throws {
        for await _ in await UnixSignalsSequence(trapping: .sighup).cancelOnGracefulShutdown() {
            await self.reload()
        }
    }
}
