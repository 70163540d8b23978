import Imaging
import NeuralNet
import Segmentation
import Testing

@Suite("Patches that training shows")
struct PatchSampleTests {
    @Test(
        "are whole voxels of the CT, as inference shows them, whatever the number of slices, columns and rows; unknown ones are marked",
        arguments: [(4, 8, 4), (5, 7, 3), (1, 8, 5)]
    )
    func wholeVoxels(_ slices: Int, _ columns: Int, _ rows: Int) throws {
        let folder = try TemporaryFolder()
        var recipe = smallRecipe()
        recipe.input.neighbourSlices = 0
        recipe.input.patch = InputDescription.Patch(columns: columns, rows: rows, slices: slices, overlap: 0.5)
        // The model's picture of 32 x 32 pixels begins at column 4 and row 2 of this grid.
        let geometry = grid(40, 36, 10)
        var labels = ToyChest.labels(geometry)
        // Of some voxels nobody says what they are; pixels that they cover no part of are as they would be.
        for n in stride(from: 0, to: labels.voxels.count, by: 7) { labels.voxels[n] = TrainingCase.unknown }
        let known = labels
        let voxels = (0..<geometry.dimensions.voxelCount).map { n -> Int16 in
            let (i, j, k) = (n % 40, n / 40 % 36, n / (40 * 36))
            return Int16(Self.steps(i, j, k) - 1000)
        }
        let source = TrainingCaseSource(name: "steps", patient: "steps", fingerprint: "1") {
            TrainingCase(ct: Volume(geometry: geometry, voxels: voxels), labels: known)
        }
        let cache = CaseCache(directory: folder.path, input: recipe.input, roiCount: 2)
        let cached = try cache.prepare(source, threads: 1)
        var random = SeededRandom(1)
        var channels = [Float](repeating: 0, count: slices * columns * rows)
        var targets = [Float](repeating: 0, count: 3 * channels.count)
        channels.withUnsafeMutableBufferPointer { channels in
            targets.withUnsafeMutableBufferPointer { targets in
                SampleMaker(input: recipe.input, output: recipe.output, roiCount: 2).make(
                    cached,
                    at: SampleMaker.Place(slice: 5, column: 6, row: 3),
                    augmentation: Augmentation(.none, input: recipe.input, random: &random),
                    random: &random,
                    channels: channels,
                    targets: targets
                )
            }
        }
        for n in channels.indices {
            let (x, y, z) = (n % columns, n / columns % rows, n / (columns * rows))
            let (i, j, k) = (4 + 6 + x, 2 + 3 + y, 5 - slices / 2 + z)
            // The window of HU is 1400 wide.
            let wanted = Float(Self.steps(i, j, k)) / 1400
            #expect(abs(channels[n] - wanted) < 1e-6, "\(i) \(j) \(k)")
            let label = Int(labels[i, j, k])
            let shown = (0..<3).map { targets[$0 * channels.count + n] }
            let isUnknown = label == Int(TrainingCase.unknown)
            #expect(
                shown
                    == [0, 1, 2].map { (channel: Int) -> Float in
                        isUnknown ? Loss.unknown : channel == label ? 1 : 0
                    }
            )
        }
    }

    @Test("lie within the volume as the windows of inference do, and around the slice where there is room")
    func places() {
        for slices in [1, 4, 5] {
            let patch = InputDescription.Patch(columns: 8, rows: 8, slices: slices)
            for count in 1...12 {
                let windows = SlidingWindow.starts(length: count, patch: slices, overlap: 0.5)
                for slice in 0..<count {
                    let first = patch.firstSlice(around: slice, of: count)
                    if count <= slices {
                        #expect([first] == windows)
                    } else {
                        #expect(first >= 0 && first + slices <= count && (first..<first + slices).contains(slice))
                        let hasRoom = slice >= slices / 2 && slice - slices / 2 + slices <= count
                        #expect(!hasRoom || first == slice - slices / 2)
                    }
                }
            }
        }
    }

    /// A value that no neighbour has: a blend of two voxels is neither.
    private static func steps(_ i: Int, _ j: Int, _ k: Int) -> Int { i + 10 * j + 100 * k }
}
