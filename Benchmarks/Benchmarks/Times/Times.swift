import Benchmark
import Workloads

/// How long each step takes, for a report: times move with the machine, so nothing is held against them.
let benchmarks: @Sendable () -> Void = {
    for (workloads, limit) in [(Workload.small, 100), (Workload.large, 3)] {
        for workload in workloads {
            Benchmark(
                workload.name,
                configuration: .init(
                    metrics: limit > 10 ? [.wallClock] : [.wallClock, .peakMemoryResident],
                    warmupIterations: limit > 10 ? 3 : 0,
                    maxDuration: .seconds(60),
                    maxIterations: limit
                )
            ) { benchmark in
                let body = workload.prepare()
                benchmark.startMeasurement()
                body()
                benchmark.stopMeasurement()
            }
        }
    }
}
