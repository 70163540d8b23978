import Imaging
import Segmentation
import Testing

@Suite("What was taken for an organ outside of the patient")
struct PatientOutlineTests {
    /// On the model's grid.
    static let geometry = grid(128, 128, 24, spacing: Vector3(2.5, 2.5, 5))

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

    /// A coronal CT: rows from head to feet, slices from front to back.
    static let coronal = VolumeGeometry(
        dimensions: Dimensions(i: 100, j: 40, k: 60),
        origin: PatientPoint(x: -148.5, y: -147.5, z: 58.5),
        spacing: Vector3(3, 3, 5),
        directionI: Vector3(1, 0, 0),
        directionJ: Vector3(0, 0, -1),
        directionK: Vector3(0, 1, 0),
        frameOfReferenceUID: "1.2.3"
    )

    /// What becomes of labels on the grid of a CT; scores are sure of what they say, where no others are given.
    static func judged(
        on ct: VolumeGeometry = ct(),
        model: VolumeGeometry = geometry,
        input: (Vector3) -> Float = { couchHU($0) ?? Float(ToyChest.hu($0)) },
        score: (Vector3) -> Float? = { _ in nil },
        change: (inout ModelDescription) -> Void = { _ in },
        label: @escaping (Vector3) -> UInt8
    ) -> SegmentationResult {
        var description = smallRecipe().modelDescription(training: nil)
        change(&description)
        let scores = ScoreVolume(
            geometry: model,
            scores: (1...2).map { one in
                ToyChest.fill(model) { score($0) ?? (label($0) == one ? 0.99 : 0) }.voxels.map { $0 }
            },
            rule: DecisionRule(description.output)
        )
        return judge(
            labels: ToyChest.fill(ct, label),
            scores: scores,
            input: ToyChest.fill(model, input),
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
        #expect(result.structures[0].confidence > 0.95)
        let findings = result.findings.filter { $0.code == "W_OUTSIDE_PATIENT" }
        #expect(findings.map(\.structure) == ["Lung_L"])
        let whole = Int(result.structures[0].droppedML.rounded(.up))
        #expect(
            findings.first?.message
                == "\(whole) mL that were taken for Lung_L lie outside of the patient and are not in the contour"
        )
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
        func isBlock(_ p: Vector3) -> Bool { p.x > 122 && p.x < 146 && p.y > 10 && p.y < 90 }
        func hu(_ p: Vector3) -> Float {
            if ToyChest.ellipse(p, Vector3(134, -14, 0), Vector3(16, 18, 1000)) { return 60 }
            return isBlock(p) ? -900 : Float(ToyChest.hu(p))
        }
        let result = Self.judged(input: hu, label: { isBlock($0) ? 1 : ToyChest.label($0) })
        #expect(Self.isToyChest(result))
    }

    @Test("foam that the edge of the picture cuts is outside, if the picture does not cut the patient on that side")
    func cutFoam() {
        var low = Self.ct()
        low.dimensions.j = 89
        let result = Self.judged(on: low) { Self.isFoam($0) ? 1 : ToyChest.label($0) }
        #expect(Self.isToyChest(result))
    }

    /// Both lungs in two pieces: six slices have no lung.
    static func inTwo(_ p: Vector3) -> UInt8 { abs(p.z) > 15 ? ToyChest.label(p) : 0 }

    static func expectAll(_ result: SegmentationResult, sourceLocation: SourceLocation = #_sourceLocation) {
        for structure in result.structures {
            #expect(structure.found && structure.components == 2, sourceLocation: sourceLocation)
            #expect(structure.droppedML == 0, sourceLocation: sourceLocation)
        }
        #expect(!result.findings.contains { $0.code == "W_OUTSIDE_PATIENT" }, sourceLocation: sourceLocation)
    }

    @Test("pieces of a lung are inside where the picture shows a corner of the patient only")
    func corner() {
        // What is to the right of -60 mm and in front of -10 mm is not in the picture.
        var corner = Self.ct()
        corner.origin = PatientPoint(Vector3(-60, -10, corner.origin.z))
        func isSeen(_ p: Vector3) -> Bool { p.x > -62 && p.y > -12 }
        Self.expectAll(
            Self.judged(
                on: corner,
                input: { isSeen($0) ? Float(ToyChest.hu($0)) : -1000 },
                label: { isSeen($0) ? Self.inTwo($0) : 0 }
            )
        )
    }

    @Test("pieces of a lung are inside at the rim of a round picture, which shows no wall around them")
    func rim() {
        let round = grid(70, 70, 24, spacing: Vector3(3, 3, 5))
        func isSeen(_ p: Vector3) -> Bool { ToyChest.ellipse(p, Vector3(0, 0, 0), Vector3(100, 100, 1e6)) }
        // The front of a large lung, which the rim cuts before any wall, in two pieces.
        func lung(_ p: Vector3) -> Bool { p.y < -40 && abs(p.x) < 95 && !(abs(p.x) < 12) }
        let result = Self.judged(
            on: round,
            input: { isSeen($0) ? (lung($0) ? -850 : 40) : -1000 },
            label: { isSeen($0) && lung($0) ? 1 : 0 }
        )
        #expect(result.structures[0].found && result.structures[0].components == 2)
        #expect(result.structures[0].droppedML == 0)
        #expect(!result.findings.contains { $0.code == "W_OUTSIDE_PATIENT" })
    }

    @Test("foam at the rim of a round picture is outside, if the rim cuts the patient elsewhere only")
    func foamAtTheRim() {
        // It cuts both flanks, and the couch under the back.
        func isSeen(_ p: Vector3) -> Bool { ToyChest.ellipse(p, Vector3(0, 0, 0), Vector3(112, 112, 1e6)) }
        let result = Self.judged(
            on: grid(70, 70, 24, spacing: Vector3(3.2, 3.2, 5)),
            input: { isSeen($0) ? Self.couchHU($0) ?? Float(ToyChest.hu($0)) : -1000 },
            label: { !isSeen($0) ? 0 : Self.isFoam($0) ? 1 : ToyChest.label($0) }
        )
        #expect(result.structures.allSatisfy { $0.found && $0.components == 1 })
        #expect(result.findings.contains { $0.code == "W_OUTSIDE_PATIENT" && $0.structure == "Lung_L" })
    }

    @Test("pieces of a lung are inside where the network sees no wall of the chest")
    func smallPicture() {
        let small = grid(52, 40, 24, spacing: Vector3(2.5, 2.5, 5))
        func isSeen(_ p: Vector3) -> Bool { abs(p.x) < 65 && abs(p.y) < 50 }
        Self.expectAll(Self.judged(model: small) { isSeen($0) ? Self.inTwo($0) : 0 })
    }

    @Test(
        "pieces of a lung are inside in a coronal CT, behind a wall of 8 mm, and on pixels as large as couches are thick"
    )
    func otherPictures() {
        Self.expectAll(Self.judged(on: Self.coronal) { Self.inTwo($0) })
        func child(_ p: Vector3) -> Float {
            if ToyChest.label(p) > 0 { return -800 }
            let isWall = !ToyChest.ellipse(p, Vector3(0, 0, 0), Vector3(102, 70, 1000))
            let isMiddle = abs(p.x) < 14
            guard ToyChest.ellipse(p, Vector3(0, 0, 0), Vector3(110, 78, 1000)) else { return -1000 }
            return isWall || isMiddle ? 30 : -800
        }
        let fine = grid(160, 160, 24, spacing: Vector3(2, 2, 5))
        Self.expectAll(Self.judged(model: fine, input: child) { Self.inTwo($0) })
        let coarse = grid(54, 54, 24, spacing: Vector3(6, 6, 5))
        let result = Self.judged(model: coarse) { Self.isFoam($0) ? 1 : ToyChest.label($0) }
        #expect(result.structures[0].components == 2 && result.structures[0].volumeML > 800)
    }

    @Test("a single slice is judged as a scan is")
    func oneSlice() {
        let (ct, model) = (
            grid(100, 100, 1, spacing: Vector3(3.2, 3.2, 5)), grid(128, 128, 1, spacing: Vector3(2.5, 2.5, 5))
        )
        let result = Self.judged(on: ct, model: model) { Self.isFoam($0) ? 1 : ToyChest.label($0) }
        #expect(Self.isToyChest(result))
    }

    @Test("what the network suspects in foam lowers no confidence, what it suspects in the chest does")
    func suspicion() {
        let sure = Self.judged { ToyChest.label($0) }
        let inFoam = Self.judged(score: { Self.isFoam($0) ? 0.4 : nil }, label: { ToyChest.label($0) })
        #expect(inFoam.structures.map(\.confidence) == sure.structures.map(\.confidence))
        #expect(inFoam.structures.map(\.edgeUncertaintyMM) == sure.structures.map(\.edgeUncertaintyMM))
        func isBetween(_ p: Vector3) -> Bool { ToyChest.ellipse(p, Vector3(0, 60, 0), Vector3(30, 18, 40)) }
        let inChest = Self.judged(score: { isBetween($0) ? 0.4 : nil }, label: { ToyChest.label($0) })
        #expect(inChest.structures[0].confidence < sure.structures[0].confidence - 0.02)
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
        let skin = Self.judged(label: { isSkin($0) ? 1 : 0 })
        #expect(skin.structures[0].found && skin.structures[0].components == 1)
    }

    @Test("without anything that could be a patient all stays as the network says")
    func noPatient() {
        let result = Self.judged(input: { _ in -850 }, label: ToyChest.label)
        #expect(Self.isToyChest(result))
    }
}
