import Benchmark
import CCounters
import Workloads

/// Exact counts of allocations, retains and releases.
let benchmarks: @Sendable () -> Void = {
    let metrics = ["allocations", "retains", "releases"].map {
        BenchmarkMetric.custom($0, polarity: .prefersSmaller, useScalingFactor: false)
    }
    for workload in Workload.small {
        Benchmark(
            workload.name,
            configuration: .init(
                metrics: metrics,
                warmupIterations: 3,
                maxDuration: .seconds(60),
                maxIterations: 5
            )
        ) { benchmark in
            let body = workload.prepare()
            let (allocations, retains, releases) = (allocation_count(), retain_count(), release_count())
            body()
            let after = (allocation_count(), retain_count(), release_count())
            benchmark.measurement(metrics[0], after.0 - allocations)
            benchmark.measurement(metrics[1], after.1 - retains)
            benchmark.measurement(metrics[2], after.2 - releases)
        }
    }
}
