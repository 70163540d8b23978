import Imaging
import Segmentation
import Testing

@Suite("Pockets of plain air")
struct AirPocketTests {
    /// A left lung of 10 x 8 x 4 voxels with a wall around it, and the voxels of it that are air.
    static func part(
        lungHU: Float = -800,
        _ pockets: [(i: Range<Int>, j: Range<Int>, k: Range<Int>)],
        _ change: (inout Volume<UInt8>, inout Volume<Float>) -> Void = { _, _ in }
    ) -> Double? {
        structure(lungHU: lungHU, pockets, change).airPocketFraction
    }

    /// The same lung, with all that is measured of it.
    static func structure(
        lungHU: Float,
        _ pockets: [(i: Range<Int>, j: Range<Int>, k: Range<Int>)],
        _ change: (inout Volume<UInt8>, inout Volume<Float>) -> Void = { _, _ in }
    ) -> StructureResult {
        let geometry = grid(14, 12, 6)
        var labels = Volume<UInt8>(geometry: geometry, repeating: 0)
        var input = Volume<Float>(geometry: geometry, repeating: 40)
        for k in 1..<5 {
            for j in 2..<10 { for i in 2..<12 { (labels[i, j, k], input[i, j, k]) = (1, lungHU) } }
        }
        for pocket in pockets {
            for k in pocket.k { for j in pocket.j { for i in pocket.i { input[i, j, k] = -1000 } } }
        }
        change(&labels, &input)
        var description = smallRecipe().modelDescription(training: nil)
        for index in description.rois.indices {
            description.rois[index].acceptance = Acceptance()
            description.rois[index].postprocessing = Postprocessing()
        }
        let scores = ScoreVolume(
            geometry: geometry,
            scores: (1...2).map { label in labels.voxels.map { $0 == UInt8(label) ? 1 : 0 } },
            rule: DecisionRule(description.output)
        )
        return judge(labels: labels, scores: scores, input: input, description: description, threads: 2)
            .structures[0]
    }

    @Test("inside, the rim of a pocket averages with the lung beside it; along the wall it does not")
    func rim() {
        #expect(Self.part([(4..<10, 4..<9, 2..<4)]) == Double(4 * 3 * 2) / 320)
        #expect(Self.part([(2..<8, 2..<7, 2..<4)]) == Double(5 * 4 * 2) / 320)
        #expect(Self.part([]) == 0)
    }

    @Test("the largest of several counts; what touches by a corner alone is apart")
    func largest() {
        #expect(Self.part([(2..<7, 2..<10, 1..<2), (7..<12, 2..<10, 3..<5)]) == Double(4 * 8 * 2) / 320)
    }

    @Test("noise makes none, though half of its pixels are below the air of the room")
    func noise() {
        let part = Self.part(lungHU: -900, []) { labels, input in
            for n in labels.voxels.indices where labels.voxels[n] == 1 { input.voxels[n] += n % 2 == 0 ? 190 : -190 }
        }
        #expect(part == 0)
    }

    @Test("what is not of the structure is no pocket of it")
    func outside() {
        let part = Self.part([(2..<7, 2..<10, 1..<5)]) { labels, _ in
            for k in 1..<5 { for j in 2..<10 { for i in 2..<7 { labels[i, j, k] = 2 } } }
        }
        #expect(part == 0)
    }

    @Test("thin is what lies below -900 HU, in a pocket or not")
    func thin() {
        func part(_ lungHU: Float) -> Double? {
            Self.structure(lungHU: lungHU, [(4..<10, 4..<9, 2..<4)]).lowAttenuationFraction
        }
        #expect(part(-900) == Double(6 * 5 * 2) / 320)
        #expect(part(-901) == 1)
    }

    @Test("a structure without a voxel has none")
    func empty() {
        #expect(Self.part([]) { labels, _ in labels = Volume(geometry: labels.geometry, repeating: 0) } == nil)
    }
}
