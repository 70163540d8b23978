import Foundation

struct BenchmarkSettings: Sendable {
    var threads: Int
    /// Folder of the model for whole jobs and scores; nil: the installed one.
    var model: String?
    /// Folder of the CT for scores.
    var ct: String?
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
    /// Compares the result with a reference; not timed. nil where other rows do.
    var check: (() throws -> ResultCheck)?

    /// What the row is told as a part of, and how much of that one run is: operations or bytes.
    var bound: (bound: Bound, amount: Double)? {
        operations.map { (.arithmetic, $0) } ?? bytes.map { (.memory, $0) }
    }
}

/// One line of the result.
struct BenchmarkRow: Encodable {
    var name: String
    var threads: Int
    var median_s: Double
    var min_s: Double
    var max_s: Double
    var repetitions: Int
    /// What lies between the fastest and the slowest run, as part of the median.
    var spread: Double
    var peak_rss_mb: Double
    /// Part of the machine that other processes used, 0 to 1.
    var others: Double
    var gflop_per_s: Double?
    var gb_per_s: Double?
    var items_per_s: Double?
    /// What `percent_of_limit` is a part of.
    var limit: Bound?
    /// Of this machine on as many threads: 1e9 operations a second, or 1e9 bytes.
    var limit_g_per_s: Double?
    var percent_of_limit: Double?
    /// What the result was compared with.
    var reference: String?
    var error: Double?
    var allowed_error: Double?
    var is_right: Bool?

    init(_ benchmark: Benchmark, _ workload: Workload, _ measurement: Measurement, threads: Int) {
        name = benchmark.name
        self.threads = threads
        (median_s, min_s, max_s) = (measurement.median, measurement.seconds.min() ?? 0, measurement.seconds.max() ?? 0)
        repetitions = measurement.seconds.count
        spread = (max_s - min_s) / median_s
        peak_rss_mb = measurement.peakMemoryMB
        others = measurement.others
        gflop_per_s = workload.operations.map { $0 / measurement.median / 1e9 }
        gb_per_s = workload.bytes.map { $0 / measurement.median / 1e9 }
        items_per_s = workload.items.map { $0 / measurement.median }
    }

    /// Adds what is known only after the time was taken.
    mutating func add(_ check: ResultCheck) {
        (reference, error, allowed_error, is_right) = (check.reference, check.error, check.allowed, check.passes)
    }

    mutating func add(_ limits: MachineLimits, _ work: (bound: Bound, amount: Double)) {
        let possible = limits.gPerSecond(work.bound)
        (limit, limit_g_per_s) = (work.bound, possible)
        percent_of_limit = 100 * work.amount / median_s / 1e9 / possible
    }

    func json() throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        // An error may be none at all.
        encoder.nonConformingFloatEncodingStrategy = .convertToString(
            positiveInfinity: "infinity",
            negativeInfinity: "-infinity",
            nan: "nan"
        )
        return String(decoding: try encoder.encode(self), as: UTF8.self)
    }

    var text: String {
        var parts = [
            name.padding(toLength: 22, withPad: " ", startingAt: 0),
            String(format: "%9.4f s (%.4f to %.4f, %d runs)", median_s, min_s, max_s, repetitions),
        ]
        if let gflop_per_s { parts.append(String(format: "%.1f GFLOP/s", gflop_per_s)) }
        if let gb_per_s { parts.append(String(format: "%.1f GB/s", gb_per_s)) }
        if let percent_of_limit, let limit, let limit_g_per_s {
            parts.append(String(format: "%.0f %% of %.0f (\(limit.rawValue))", percent_of_limit, limit_g_per_s))
        }
        if let items_per_s { parts.append(String(format: "%.2f a second", items_per_s)) }
        parts.append(String(format: "%.0f MiB", peak_rss_mb))
        parts.append(String(format: "others %.0f %%", others * 100))
        if let error, let allowed_error, let is_right, let reference {
            parts.append(
                "\(is_right ? "right" : "WRONG"): " + String(format: "%.1e of %.1e allowed, ", error, allowed_error)
                    + reference
            )
        }
        return parts.joined(separator: "  ")
    }
}
