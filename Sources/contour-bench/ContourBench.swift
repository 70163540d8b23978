import ArgumentParser
import Foundation
import Platform

@main
struct ContourBench: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "contour-bench",
        abstract: "Measure how fast contourd is on this machine.",
        discussion: """
            Without NAME it measures all:
            \(Benchmark.all.map { "  \($0.name): \($0.work)" }.joined(separator: "\n"))

            Only when named:
              layers: single convolutions of U-Nets by our own kernels and by OpenBLAS, forwards and (-dw) for the gradient \
            of the weights
              \(Benchmark.publishedTraining.name): \(Benchmark.publishedTraining.work)
              \(Benchmark.scores.name): \(Benchmark.scores.work)

            Each is run once to warm up and then several times, for a second at least; the median is what to quote. `others` is the part of the \
            machine that other processes used meanwhile: above a few percent the figures are not to be trusted. The memory is \
            the largest that was resident during the runs, with the data that they work on.

            Then, untimed, the result is compared with a reference that is computed in the plainest way, in double precision \
            where numbers are not whole; a wrong one makes the exit status 1. And this machine's limits are measured on as \
            many threads: multiply-adds of AVX2 on registers (arithmetic), copying memory (memory). Convolutions count as \
            done directly, and Winograd's need fewer operations, so that a row can pass 100 %.
            """,
        version: ContourdVersion.banner
    )

    @Argument(help: ArgumentHelp("Benchmarks to run. Default: all.", valueName: "name"))
    var names: [String] = []

    @Option(help: "Number of threads.")
    var threads: Int = ProcessorCount.available

    @Option(help: "Counted runs of each, at least.")
    var repetitions: Int = 5

    @Option(
        help: ArgumentHelp("Shorter work is repeated for so long.", valueName: "seconds")
    )
    var seconds: Double = 1

    @Option(
        help: ArgumentHelp(
            "Folder of the model for whole-job and scores. Default: the installed one.",
            valueName: "folder"
        )
    )
    var model: String?

    @Option(help: ArgumentHelp("Folder of the CT for scores.", valueName: "folder"))
    var ct: String?

    @Flag(help: "Print one JSON object a line.")
    var json = false

    @Flag(help: "Measure times alone: neither results are compared nor the limits of the machine measured.")
    var timesOnly = false

    @Flag(help: "Print the names of all and measure nothing.")
    var list = false

    private static let onlyNamed = [Benchmark.publishedTraining, Benchmark.scores]

    func validate() throws {
        CPUFeatures.require()
        let known = Benchmark.all.map(\.name) + ["layers"] + Self.onlyNamed.map(\.name)
        for name in names where !known.contains(name) {
            throw ValidationError("there is no benchmark \(name); there are: \(known.joined(separator: ", "))")
        }
        if (ct != nil) != names.contains(Benchmark.scores.name) {
            throw ValidationError("\(Benchmark.scores.name) and --ct go together")
        }
        guard (1...256).contains(threads), (1...1000).contains(repetitions), (0...3600).contains(seconds) else {
            throw ValidationError("--threads takes 1 to 256, --repetitions 1 to 1000, --seconds 0 to 3600")
        }
    }

    func run() throws {
        if list { return print(Benchmark.all.map(\.name).joined(separator: "\n")) }
        let settings = BenchmarkSettings(threads: threads, model: model, ct: ct)
        let chosen = Benchmark.all.filter { names.isEmpty || names.contains($0.name) }
        let named =
            (names.contains("layers") ? Benchmark.layers : [])
            + Self.onlyNamed.filter { names.contains($0.name) }
        let interruption = Interruption()
        var limits: MachineLimits?
        var wrong: [String] = []
        for benchmark in chosen + named {
            let workload = try benchmark.prepare(settings)
            let measurement = try Measurement(
                of: workload,
                repetitions: repetitions,
                leastSeconds: seconds,
                interruption: interruption
            )
            var row = BenchmarkRow(benchmark, workload, measurement, threads: threads)
            if !timesOnly {
                if let bound = workload.bound {
                    let known = limits ?? MachineLimits(threads: threads)
                    limits = known
                    row.add(known, bound)
                }
                if let check = try workload.check?() { row.add(check) }
                if row.is_right == false { wrong.append(row.name) }
            }
            print(json ? try row.json() : row.text)
            guard StandardOutput.isComplete() else { throw OutputLost() }
        }
        if !wrong.isEmpty { throw WrongResult(names: wrong) }
    }
}

/// A full disk, for example.
private struct OutputLost: Error, CustomStringConvertible {
    let description = "the output could not be written"
}
