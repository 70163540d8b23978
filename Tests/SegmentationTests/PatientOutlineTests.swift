import Imaging
import Segmentation
import Testing

@Suite("What was taken for an organ outside of the patient")
struct PatientOutlineTests {
    /// On the model's grid.
    static let geometry = grid(80, 80, 24, spacing: Vector3(4, 4, 5))

    /// Foam in a couch under the toy chest, with a shell around it; on its right a rail as dense as bone.
    static func couchHU(_ p: Vector3) -> Float? {
        guard abs(p.x) < 150, p.y > 98, p.y < 150 else { return nil }
        if p.y > 138 { return p.x < -60 ? 900 : -1000 }
        return p.y < 102 || p.y > 134 ? 100 : -880
    }

    static func isFoam(_ p: Vector3) -> Bool {
        couchHU(p).map { $0 < -500 && $0 > -1000 } ?? false
    }

    /// The CT's own grid.
    static func ct(signs: Vector3 = Vector3(1, 1, 1)) -> VolumeGeometry {
        grid(100, 100, 24, spacing: Vector3(3.2, 3.2, 5), signs: signs)
    }

    /// What becomes of labels on the grid of a CT; scores are sure of what they say.
    static func judged(
        on ct: VolumeGeometry = ct(),
        input: (Vector3) -> Float = { couchHU($0) ?? Float(ToyChest.hu($0)) },
        change: (inout ModelDescription) -> Void = { _ in },
        label: @escaping (Vector3) -> UInt8
    ) -> SegmentationResult {
        var description = smallRecipe().modelDescription(training: nil)
        change(&description)
        let scores = ScoreVolume(
            geometry: geometry,
            scores: (1...2).map { one in ToyChest.fill(geometry) { label($0) == one ? 0.98 : 0 }.voxels.map { $0 } },
            rule: DecisionRule(description.output)
        )
        return judge(
            labels: ToyChest.fill(ct, label),
            scores: scores,
            input: ToyChest.fill(geometry, input),
            description: description,
            threads: 2
        )
    }

    static func isToyChest(_ result: SegmentationResult, _ labels: Set<UInt8> = [1, 2]) -> Bool {
        let volume = result.labelMap.volume
        return volume.voxels.elementsEqual(
            ToyChest.labels(volume.geometry).voxels.map { labels.contains($0) ? $0 : 0 }
        )
    }

    @Test(
        "is no part of it, though larger than the organ, however the CT is stored",
        arguments: [Vector3(1, 1, 1), Vector3(-1, 1, -1), Vector3(1, -1, 1)]
    )
    func foam(signs: Vector3) {
        let result = Self.judged(on: Self.ct(signs: signs)) { Self.isFoam($0) ? 1 : ToyChest.label($0) }
        #expect(Self.isToyChest(result))
        #expect(result.structures[0].components == 1)
        let foam = ToyChest.fill(result.labelMap.volume.geometry, Self.isFoam).voxels.count { $0 }
        let voxelML = result.labelMap.volume.geometry.voxelVolumeMM3 / 1000
        #expect(abs(result.structures[0].droppedML - Double(foam) * voxelML) < 1e-6)
        #expect(result.structures[0].droppedML > result.structures[0].volumeML)
    }

    @Test("makes no organ of its own, and the report says why")
    func foamAlone() {
        let result = Self.judged { Self.isFoam($0) ? 1 : ToyChest.label($0) == 2 ? 2 : 0 }
        #expect(Self.isToyChest(result, [2]))
        #expect(!result.structures[0].found && result.structures[1].found)
        #expect(
            result.findings.contains {
                $0.message == "Lung_L was not found: what was taken for it lies outside of the patient"
            }
        )
    }

    @Test("a block of foam that an arm lies on beside the chest is outside, the arm is no second side of the patient")
    func block() {
        func isBlock(_ p: Vector3) -> Bool { p.x > 124 && p.x < 156 && p.y > 10 && p.y < 90 }
        func hu(_ p: Vector3) -> Float {
            if ToyChest.ellipse(p, Vector3(138, -14, 0), Vector3(20, 20, 1000)) { return 60 }
            return isBlock(p) ? -900 : Float(ToyChest.hu(p))
        }
        let result = Self.judged(input: hu, label: { isBlock($0) ? 1 : ToyChest.label($0) })
        #expect(Self.isToyChest(result))
    }

    @Test("pieces of a lung are inside where the picture shows a corner of the patient only")
    func corner() {
        // What is to the right of -60 mm and in front of -10 mm is not in the picture; six slices have no lung.
        var corner = Self.ct()
        corner.origin = PatientPoint(Vector3(-60, -10, corner.origin.z))
        func isSeen(_ p: Vector3) -> Bool { p.x > -62 && p.y > -12 }
        func label(_ p: Vector3) -> UInt8 { isSeen(p) && abs(p.z) > 15 ? ToyChest.label(p) : 0 }
        let result = Self.judged(
            on: corner,
            input: { isSeen($0) ? Float(ToyChest.hu($0)) : -1000 },
            label: label
        )
        #expect(result.structures.allSatisfy { $0.found && $0.components == 2 && $0.droppedML == 0 })
    }

    @Test("is a structure all the same where its type is none of an organ, and skin is inside")
    func otherTypes() {
        let couch = Self.judged(
            change: { $0.rois[0].interpretedType = "SUPPORT" },
            label: { Self.isFoam($0) ? 1 : ToyChest.label($0) == 2 ? 2 : 0 }
        )
        #expect(couch.structures[0].found)
        func isSkin(_ p: Vector3) -> Bool {
            ToyChest.hu(p) == 40 && !ToyChest.ellipse(p, Vector3(0, 4, 0), Vector3(114, 84, 1000))
        }
        let skin = Self.judged(change: { $0.rois[0].acceptance.meanHU = nil }, label: { isSkin($0) ? 1 : 0 })
        #expect(skin.structures[0].found && skin.structures[0].components == 1)
    }

    @Test("without anything that could be a patient all stays as the network says")
    func noPatient() {
        let result = Self.judged { _ in
            -850
        } label: {
            ToyChest.label($0)
        }
        #expect(Self.isToyChest(result))
    }
}
