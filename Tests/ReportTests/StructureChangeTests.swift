import Imaging
import Metrics
import Report
import Testing

@Suite("What became of our contours")
struct StructureChangeTests {
    private let geometry = axialGrid(signs: Vector3(1, 1, 1), 64, 64, 40)
    private var ours: Mask { ball(radius: 45) }

    private func ball(radius: Double, at centre: Vector3 = .zero) -> Mask {
        filled(geometry) { point in
            let offset = point.vector - centre
            return dot(offset, offset) <= radius * radius ? 1 : 0
        }
    }

    private func change(_ reference: Mask) -> StructureChange {
        StructureChange(
            StructureScores(name: "Lung_L", reference: reference, prediction: ours, threads: 1),
            on: geometry
        )
    }

    @Test("The same contours are unedited, also when a few points were rounded")
    func unedited() {
        #expect(change(ours).status == .unedited)
        var rounded = ours
        // A voxel here and there on the edge.
        var taken = 0
        for n in rounded.voxels.indices.dropFirst()
        where taken < 12 && rounded.voxels[n] == 1 && rounded.voxels[n - 1] == 0 && n % 7 == 0 {
            rounded.voxels[n] = 0
            taken += 1
        }
        #expect(taken == 12)
        #expect(change(rounded).status == .unedited)
    }

    @Test("A nodule that was drawn into it is an edit, however small a part of the whole it is")
    func nodule() throws {
        var edited = ours
        let nodule = ball(radius: 6, at: Vector3(48, 0, 0))
        for n in edited.voxels.indices where nodule.voxels[n] != 0 { edited.voxels[n] = 1 }
        let change = change(edited)
        #expect(change.status == .edited)
        #expect(try #require(change.addedML) > 0.1 && change.removedML == 0)
        #expect(try #require(change.drawnMM) > 0)
    }

    @Test("A last slice that was taken away is an edit")
    func lastSlice() throws {
        var edited = ours
        let plane = geometry.dimensions.i * geometry.dimensions.j
        let last = try #require(ours.voxels.lastIndex { $0 != 0 }) / plane
        for n in last * plane..<(last + 1) * plane { edited.voxels[n] = 0 }
        let change = change(edited)
        #expect(change.status == .edited && change.slicesChanged == 1)
        #expect(try #require(change.removedML) > 0)
    }

    @Test("A pixel more all around is an edit")
    func grown() { #expect(change(ball(radius: 47)).status == .edited) }
}
