import Imaging

/// What the network thought of the air around the patient, where a couch or a cushion is: it says nothing about an organ.
///
/// These are regions of scores above `WideDoubt.sureness` that lie outside of the patient as a whole. A lung that the network was not
/// sure of is no such region, whatever of it lies beyond a wall that is hardly there.
struct ScoresAround {
    /// By slice of the model's grid.
    private var runs: [Int: [RunComponents.Run]] = [:]

    init(_ scores: ScoreVolume, channel: Int, outline: PatientOutline?, input: Volume<Float>) {
        guard let outline, ScoresAround.hasSome(scores, channel, outline, input) else { return }
        var isSuspected = Volume<UInt8>(geometry: scores.geometry, repeating: 0)
        for n in isSuspected.voxels.indices where scores.scores[channel][n] > WideDoubt.sureness {
            isSuspected.voxels[n] = 1
        }
        scores.touched(slices: scores.geometry.dimensions.k)
        let regions = RunComponents(of: 1, in: isSuspected)
        let isOutside = outline.isOutside(regions, on: scores.geometry, input: input)
        for run in regions.runs where isOutside[run.component] { runs[run.k, default: []].append(run) }
    }

    /// Whether there is any such score outside, which there rarely is.
    private static func hasSome(
        _ scores: ScoreVolume,
        _ channel: Int,
        _ outline: PatientOutline,
        _ input: Volume<Float>
    ) -> Bool {
        let d = scores.geometry.dimensions
        for k in 0..<d.k {
            defer {
                scores.touched(slices: 1)
                input.touched()
            }
            for j in 0..<d.j {
                let row = d.i * (j + d.j * k)
                for i in 0..<d.i where scores.scores[channel][row + i] > WideDoubt.sureness {
                    if !outline.isInside(i, j, k, hu: input.voxels[row + i]) { return true }
                }
            }
        }
        return false
    }

    /// The pixels of a slice whose scores count for nothing, `i + columns * j`; nil where all count.
    func ignored(slice k: Int, columns: Int, pixels: Int) -> [Bool]? {
        guard let runs = runs[k] else { return nil }
        var ignored = [Bool](repeating: false, count: pixels)
        for run in runs { for i in run.start..<run.end { ignored[i + columns * run.j] = true } }
        return ignored
    }
}
