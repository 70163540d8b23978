import Foundation

struct BenchmarkSettings: Sendable {
    var threads: Int
    /// Folder of the model for whole jobs; nil: the installed one.
    var model: String?
}

/// What is measured. Preparation (making data) is not timed.
struct Benchmark: Sendable {
    let name: String
    /// The work in words.
    let work: String
    let prepare: @Sendable (BenchmarkSettings) throws -> Workload

    static let all = networks + volumes + files
}

/// Work that can be repeated.
struct Workload {
    /// Floating-point operations of one run; nil where they are not what limits it.
    var operations: Double?
    /// Bytes that one run must read and write at least; nil where they are not what limits it.
    var bytes: Double?
    /// Things done in one run (slices, samples), for a rate; nil where there is one.
    var items: Double?
    var run: () throws -> Void
}

/// One line of the result.
struct BenchmarkRow: Encodable {
    var name: String
    var threads: Int
    var median_s: Double
    var min_s: Double
    var max_s: Double
    var repetitions: Int
    var peak_rss_mb: Double
    /// Part of the machine that other processes used, 0 to 1.
    var others: Double
    var gflop_per_s: Double?
    var gb_per_s: Double?
    var items_per_s: Double?

    init(_ benchmark: Benchmark, _ workload: Workload, _ measurement: Measurement, threads: Int) {
        name = benchmark.name
        self.threads = threads
        (median_s, min_s, max_s) = (measurement.median, measurement.seconds.min() ?? 0, measurement.seconds.max() ?? 0)
        repetitions = measurement.seconds.count
        peak_rss_mb = measurement.peakMemoryMB
        others = measurement.others
        gflop_per_s = workload.operations.map { $0 / measurement.median / 1e9 }
        gb_per_s = workload.bytes.map { $0 / measurement.median / 1e9 }
        items_per_s = workload.items.map { $0 / measurement.median }
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    var text: String {
        var parts = [
            name.padding(toLength: 22, withPad: " ", startingAt: 0),
            String(format: "%9.4f s (%.4f to %.4f, %d runs)", median_s, min_s, max_s, repetitions),
        ]
        if let gflop_per_s { parts.append(String(format: "%.1f GFLOP/s", gflop_per_s)) }
        if let gb_per_s { parts.append(String(format: "%.1f GB/s", gb_per_s)) }
        if let items_per_s { parts.append(String(format: "%.2f a second", items_per_s)) }
        parts.append(String(format: "%.0f MiB", peak_rss_mb))
        parts.append(String(format: "others %.0f %%", others * 100))
        return parts.joined(separator: "  ")
    }
}
