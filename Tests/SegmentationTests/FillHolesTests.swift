import Imaging
import Segmentation
import Testing

@Suite("Holes of contours in a slice")
struct FillHolesTests {
    /// A lung (label 1) with the given pixels of slice 5 changed, filled up to `pixels` of area.
    static func filled(_ changes: [(i: Int, j: Int, label: UInt8)], pixels: Double?) -> Volume<UInt8> {
        var labels = JudgementTests.boxes([(1, 10..<30, 5..<25, 1..<11)])
        for change in changes { labels[change.i, change.j, 5] = change.label }
        let spacing = labels.geometry.spacing
        return JudgementTests.judged(labels) {
            for index in $0.rois.indices {
                $0.rois[index].postprocessing = Postprocessing(
                    fillHolesMM2: pixels.map { ($0 + 0.5) * spacing.x * spacing.y }
                )
            }
        }.labelMap.volume
    }

    @Test("a hole of a vessel becomes lung, in the slice alone")
    func vessel() {
        let hole: [(i: Int, j: Int, label: UInt8)] = [(15, 15, 0), (16, 15, 0), (16, 16, 0)]
        let volume = Self.filled(hole, pixels: 3)
        #expect(hole.allSatisfy { volume[$0.i, $0.j, 5] == 1 })
        #expect(volume.voxels.count { $0 == 1 } == 4000)
    }

    @Test("a larger hole stays, and without the rule every one")
    func large() {
        let hole: [(i: Int, j: Int, label: UInt8)] = [(15, 15, 0), (16, 15, 0), (16, 16, 0), (16, 17, 0)]
        #expect(Self.filled(hole, pixels: 3).voxels.count { $0 == 1 } == 3996)
        #expect(Self.filled(hole, pixels: nil).voxels.count { $0 == 1 } == 3996)
        #expect(Self.filled(hole, pixels: 4).voxels.count { $0 == 1 } == 4000)
    }

    @Test("what is open to the side is no hole; what only touches it by a corner is")
    func notch() {
        #expect(Self.filled([(29, 15, 0), (28, 15, 0)], pixels: 3).voxels.count { $0 == 1 } == 3998)
        #expect(Self.filled([(29, 15, 0), (28, 16, 0)], pixels: 3).voxels.count { $0 == 1 } == 3999)
    }

    @Test("a hole that holds another structure stays")
    func otherStructure() {
        let volume = Self.filled([(15, 15, 0), (16, 15, 2)], pixels: 3)
        #expect(volume[15, 15, 5] == 0)
        #expect(volume.voxels.count { $0 == 1 } == 3998)
    }

    @Test("holes side by side are filled each for itself")
    func several() {
        let holes: [(i: Int, j: Int, label: UInt8)] = [
            (12, 10, 0), (14, 10, 0), (14, 11, 0), (20, 10, 0), (21, 11, 0), (20, 20, 0), (20, 21, 0), (20, 22, 0),
            (20, 23, 0),
        ]
        let volume = Self.filled(holes, pixels: 3)
        #expect(volume.voxels.count { $0 == 1 } == 3996)
        #expect((20..<24).allSatisfy { volume[20, $0, 5] == 0 })
    }
}
