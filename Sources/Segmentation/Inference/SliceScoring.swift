import Imaging
import NeuralNet

/// Slices that the network scores at once: enough to keep its kernels busy, few enough to need little memory.
let inferenceBatch = 4

/// Scores slices of a volume, on any part of their picture.
struct SliceScoring {
    private let volume: Volume<Float>
    private let network: Network
    private let stack: SliceStack
    private let first: Int
    private let threads: Int
    /// One volume a structure; 0 where the network was not run.
    private(set) var scores: [Voxels<Float>]
    /// Voxels that the network was run on.
    private(set) var computedVoxels = 0
    /// The last one: the memory of several at a time would be more than that of the whole picture.
    private var planned: (batch: Int, extent: Axes, session: InferenceSession)?
    private var packed: PackedWeights?

    /// A slice and the part of its picture that the network sees.
    struct Job {
        var slice: Int
        var columns: Range<Int>
        var rows: Range<Int>

        init(_ slice: Int, in box: GridBox) {
            (self.slice, columns, rows) = (slice, box.columns, box.rows)
        }

        var extent: Axes { Axes(height: rows.count, width: columns.count) }
        var box: GridBox { GridBox(columns: columns, rows: rows, slices: slice..<slice + 1) }
    }

    /// - Parameters:
    ///   - firstChannel: of the network's result; those before it are no structures.
    ///   - structures: number of channels from there on.
    ///   - memory: of the scores.
    init(
        _ volume: Volume<Float>,
        network: Network,
        input: InputDescription,
        firstChannel: Int,
        structures: Int,
        memory: VolumeMemory,
        threads: Int
    ) throws {
        self.volume = volume
        self.network = network
        stack = SliceStack(input: input)
        first = firstChannel
        self.threads = threads
        let memory = memory.shared(by: structures)
        scores = try (0..<structures).map { _ in try memory.zeros(volume.geometry).voxels }
    }

    /// Scores some parts of slices, those of one size together; earlier scores there are replaced.
    ///
    /// - Parameter progress: called with 0...1 after each batch; what it throws ends the work.
    mutating func run(_ jobs: [Job], progress: (Double) throws -> Void) throws {
        let ordered = jobs.sorted {
            ($0.rows.count, $0.columns.count, $0.slice) < ($1.rows.count, $1.columns.count, $1.slice)
        }
        var start = 0
        while start < ordered.count {
            let extent = ordered[start].extent
            var end = start + 1
            while end < min(start + inferenceBatch, ordered.count), ordered[end].extent == extent { end += 1 }
            try run(batch: ordered[start..<end], extent)
            start = end
            try progress(Double(end) / Double(ordered.count))
        }
    }

    private mutating func run(batch jobs: ArraySlice<Job>, _ extent: Axes) throws {
        let session = try session(batch: jobs.count, extent)
        let size = stack.input.channels * extent.count
        var batch = Tensor(shape: [jobs.count, stack.input.channels, extent.height, extent.width])
        batch.values.withUnsafeMutableBufferPointer { values in
            for (place, job) in jobs.enumerated() {
                let sample = UnsafeMutableBufferPointer(rebasing: values[(place * size)..<((place + 1) * size)])
                stack.write(slice: job.slice, columns: job.columns, rows: job.rows, of: volume, into: sample)
            }
        }
        let result = session.run(batch)
        for (place, job) in jobs.enumerated() { keep(result, place: place, job) }
        computedVoxels += jobs.count * extent.count
        volume.touched(slices: jobs.count * 2 * stack.input.channels)
    }

    private mutating func keep(_ result: Tensor, place: Int, _ job: Job) {
        let d = volume.geometry.dimensions
        let columns = job.columns.count
        let channels = first + scores.count
        for channel in scores.indices {
            var from = (place * channels + first + channel) * job.extent.count
            scores[channel].withUnsafeMutableBufferPointer { scores in
                for j in job.rows {
                    let to = job.columns.lowerBound + d.i * (j + d.j * job.slice)
                    let row = UnsafeMutableBufferPointer(rebasing: scores[to..<(to + columns)])
                    _ = row.update(fromContentsOf: result.values[from..<(from + columns)])
                    from += columns
                }
            }
            scores[channel].touched(d.i * d.j)
        }
    }

    private mutating func session(batch: Int, _ extent: Axes) throws -> InferenceSession {
        if let planned, planned.batch == batch, planned.extent == extent { return planned.session }
        planned = nil
        let session = try InferenceSession(
            network: network,
            batch: batch,
            extent: extent,
            threads: threads,
            packed: packed
        )
        packed = session.packedWeights
        planned = (batch, extent, session)
        return session
    }

    /// The box around all pixels of a slice whose scores meet a condition; nil where none does.
    func box(inSlice k: Int, where holds: (_ count: Int, _ score: (Int) -> Float) -> Bool) -> GridBox? {
        let d = volume.geometry.dimensions
        var builder = BoxBuilder()
        for j in 0..<d.j {
            let line = d.i * (j + d.j * k)
            func matches(_ i: Int) -> Bool { holds(scores.count) { scores[$0][line + i] } }
            guard let first = (0..<d.i).first(where: matches), let last = (first..<d.i).last(where: matches)
            else { continue }
            builder.include(columns: first...last, row: j, slice: k)
        }
        for scores in scores { scores.touched(d.i * d.j) }
        return builder.box
    }
}
