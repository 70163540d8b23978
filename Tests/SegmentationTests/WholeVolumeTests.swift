import Imaging
import Segmentation
import Testing

@Suite("A structure of less than a whole one can have")
struct WholeVolumeTests {
    /// What becomes of a ball of 17 mL that was taken for a left lung; a whole one has 25 mL.
    static func judged(on ct: VolumeGeometry = PatientOutlineTests.ct(), at centre: Vector3) -> StructureResult {
        result(on: ct, at: centre).structures[0]
    }

    static func result(
        on ct: VolumeGeometry = PatientOutlineTests.ct(),
        model: VolumeGeometry = PatientOutlineTests.geometry,
        at centre: Vector3,
        input: (Vector3) -> Float = { Float(ToyChest.hu($0)) },
        least: Double? = 25
    ) -> SegmentationResult {
        PatientOutlineTests.judged(
            on: ct,
            model: model,
            input: input,
            change: { $0.rois[0].acceptance.minimumWholeVolumeML = least },
            label: { ToyChest.ellipse($0, centre, Vector3(16, 16, 16)) ? 1 : 0 }
        )
    }

    @Test("is none where nothing cuts it, and the finding tells both volumes")
    func whole() {
        let result = Self.result(at: Vector3(60, 0, 0))
        let volume = (Self.result(at: Vector3(60, 0, 0), least: nil).structures[0].volumeML * 100).rounded() / 100
        #expect(abs(volume - 17.2) < 1)
        #expect(!result.structures[0].found)
        #expect(result.labelMap.volume.voxels.allSatisfy { $0 != 1 })
        let message = result.findings.first { $0.code == "W_STRUCTURE_NOT_FOUND" && $0.structure == "Lung_L" }?.message
        #expect(
            message
                == "Lung_L was not found: only \(volume) mL, and no side of the picture cuts it: a whole one has at least 25.0 mL"
        )
    }

    @Test("is found where a whole one may be as small, and where no such volume is asked for")
    func accepted() {
        let volume = Self.result(at: Vector3(60, 0, 0), least: nil).structures[0].volumeML
        #expect(Self.result(at: Vector3(60, 0, 0), least: volume).structures[0].found)
        #expect(!Self.result(at: Vector3(60, 0, 0), least: volume.nextUp).structures[0].found)
        #expect(Self.result(at: Vector3(60, 0, 0), least: nil).structures[0].found)
    }

    @Test("is found where the first or the last slice cuts it", arguments: [-52.0, 52])
    func cutByASlice(z: Double) {
        #expect(Self.judged(at: Vector3(60, 0, z)).found)
    }

    @Test("is found where a side of the picture cuts it")
    func cutByASide() {
        var narrow = PatientOutlineTests.ct()
        // To the left of 68 mm nothing is in the picture.
        narrow.dimensions.i = 72
        #expect(Self.judged(on: narrow, at: Vector3(60, 0, 0)).found)
    }

    @Test("is found where the end of a coronal picture cuts it")
    func cutInACoronalPicture() {
        #expect(Self.judged(on: PatientOutlineTests.coronal, at: Vector3(60, 0, 45)).found)
        #expect(!Self.judged(on: PatientOutlineTests.coronal, at: Vector3(60, 0, 20)).found)
    }

    @Test("is found where nobody can say what cuts it: on pixels above 3 mm, and where no patient is seen")
    func withoutOutline() {
        let coarse = grid(54, 54, 24, spacing: Vector3(6, 6, 5))
        #expect(Self.result(model: coarse, at: Vector3(60, 0, 0)).structures[0].found)
        #expect(Self.result(at: Vector3(60, 0, 0), input: { _ in -800 }).structures[0].found)
    }

    @Test("is found where the rim of a round picture cuts it")
    func cutByTheRim() {
        let centre = Vector3(60, 0, 0)
        func seen(_ radius: Double) -> (Vector3) -> Float {
            { ToyChest.ellipse($0, Vector3(0, 0, 0), Vector3(radius, radius, 1e6)) ? Float(ToyChest.hu($0)) : -1000 }
        }
        #expect(Self.result(at: centre, input: seen(72)).structures[0].found)
        #expect(!Self.result(at: centre, input: seen(95)).structures[0].found)
    }

    @Test("is found where the network's picture cuts it, and where it ends a slice before the last one of 2 mm")
    func cutElsewhere() {
        let narrow = grid(56, 128, 24, spacing: Vector3(2.5, 2.5, 5))
        #expect(Self.result(model: narrow, at: Vector3(60, 0, 0)).structures[0].found)
        let thin = grid(100, 100, 60, spacing: Vector3(3.2, 3.2, 2))
        // The ball ends in the last slice but one.
        #expect(Self.judged(on: thin, at: Vector3(60, 0, 41.5)).found)
        #expect(!Self.judged(on: thin, at: Vector3(60, 0, 36)).found)
    }
}
