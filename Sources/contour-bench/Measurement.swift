import Foundation
import Platform

/// Wall times of a workload after one uncounted run.
struct Measurement {
    let seconds: [Double]
    /// Largest resident memory while it ran, MiB: not that of making its data.
    let peakMemoryMB: Double
    /// Part of the machine's processor time that other processes used, 0 to 1.
    let others: Double

    var median: Double {
        let sorted = seconds.sorted()
        let middle = sorted.count / 2
        return sorted.count.isMultiple(of: 2) ? (sorted[middle - 1] + sorted[middle]) / 2 : sorted[middle]
    }

    /// - Parameters:
    ///   - repetitions: counted runs.
    ///   - leastSeconds: work that is done sooner is repeated until then: a machine is seldom the same for milliseconds.
    /// - Throws: `Interrupted` between two runs, or what the workload throws.
    init(of workload: Workload, repetitions: Int, leastSeconds: Double, interruption: Interruption) throws {
        PeakMemory.reset()
        try workload.run()
        let before = ProcessorTimes.now
        var seconds: [Double] = []
        let begin = ContinuousClock.now
        while seconds.count < repetitions || begin.duration(to: .now).seconds < leastSeconds {
            guard !interruption.isRequested else { throw Interrupted() }
            let start = ContinuousClock.now
            try workload.run()
            seconds.append(start.duration(to: .now).seconds)
        }
        self.seconds = seconds
        others = ProcessorTimes.now.shareOfOthers(since: before)
        peakMemoryMB = PeakMemory.currentMB
    }
}

/// Ctrl-C, or another polite wish to end.
struct Interrupted: Error, CustomStringConvertible {
    let description = "interrupted"
}

/// Processor time of the whole machine (/proc/stat) and of this process (getrusage(2)), seconds.
private struct ProcessorTimes {
    var busy: Double
    var all: Double
    var own: Double

    static var now: ProcessorTimes {
        // Without /proc nothing is known of others; the figures stay.
        let text = (try? String(contentsOfFile: "/proc/stat", encoding: .utf8)) ?? ""
        let ticks = text.prefix { $0 != "\n" }.split(separator: " ").dropFirst().compactMap { Double($0) }
        let perSecond = Double(sysconf(Int32(_SC_CLK_TCK)))
        // user nice system idle iowait irq softirq steal: idle and iowait are not busy.
        let idle = ticks.count > 4 ? ticks[3] + ticks[4] : 0
        let sum = ticks.prefix(8).reduce(0, +)
        var usage = rusage()
        getrusage(__rusage_who_t(RUSAGE_SELF.rawValue), &usage)
        let own = [usage.ru_utime, usage.ru_stime].reduce(0) { $0 + Double($1.tv_sec) + Double($1.tv_usec) / 1e6 }
        return ProcessorTimes(busy: (sum - idle) / perSecond, all: sum / perSecond, own: own)
    }

    func shareOfOthers(since start: ProcessorTimes) -> Double {
        let all = all - start.all
        return all > 0 ? max(0, ((busy - start.busy) - (own - start.own)) / all) : 0
    }
}
