import Dicom
import Foundation
import Imaging
import Metrics
import NeuralNet
import Nifti
import Phantom
import Pipeline
import Platform
import Segmentation
import Testing

@Suite("All stages", .serialized)
struct RunTests {
    @Test("a phantom becomes a folder with contours that agree with its truth, and nothing else appears")
    func delivers() throws {
        let bench = try Workbench()
        try SmallPhantom.write(3, to: bench.folder.file("in"))
        let outcomes = try bench.run(
            [bench.folder.file("in")],
            references: [bench.folder.file("in/truth/rtstruct.dcm")]
        )
        #expect(outcomes.count == 1)
        let outcome = try #require(outcomes.first)
        #expect(outcome.fault == nil)
        let folder = try #require(outcome.output)
        #expect(try names(in: bench.output) == [outcome.name])
        let files = [
            "Lung_L.nii.gz", "Lung_R.nii.gz", "Lungs.nii.gz", "labels.nii.gz", "report.html", "report.json",
            "rtstruct.dcm",
            "seg.dcm",
        ]
        #expect(try names(in: folder) == files)
        let report = try json(folder + "/report.json")
        let structures = try #require(report["structures"] as? [[String: Any]])
        #expect(structures.map { $0["name"] as? String } == ["Lung_L", "Lung_R", "Lungs"])
        #expect(
            structures.allSatisfy { $0["found"] as? Bool == true && $0["rtStructureSetRoundTripDice"] as? Double == 1 }
        )
        let evaluation = try #require(report["evaluation"] as? [String: Any])
        let scores = try #require(evaluation["structures"] as? [[String: Any]])
        for score in scores { #expect(score["dice"] as? Double ?? 0 > 0.85, "\(score)") }
        // The truth has both lungs and no union.
        #expect(scores.compactMap { $0["name"] as? String } == ["Lung_L", "Lung_R", "Lungs"])
        let derived = try #require(evaluation["derived"] as? [[String: Any]])
        #expect(derived.map { $0["name"] as? String } == ["Lungs"] && derived[0]["side"] as? String == "reference")
        #expect(derived[0]["members"] as? [String] == ["Lung_L", "Lung_R"])
        // The digests are those of the files.
        let digests = try #require(report["files"] as? [String: String])
        #expect(Set(digests.keys) == Set(files).subtracting(["report.json", "report.html"]))
        for (name, digest) in digests { #expect(try SHA256Digest.hex(ofFile: folder + "/" + name) == digest) }
    }

    @Test("what a demonstration model makes says so wherever somebody may look, and goes to review")
    func demonstration() throws {
        let bench = try Workbench(isDemonstration: true)
        bench.export.writesPictures = false
        try SmallPhantom.write(4, to: bench.folder.file("in"), withTruth: false)
        let folder = try #require(try bench.run([bench.folder.file("in")]).first?.output)
        let report = try json(folder + "/report.json")
        #expect(report["verdict"] as? String == "review")
        let findings = try #require(report["findings"] as? [[String: Any]])
        #expect(findings.first?["code"] as? String == "W_DEMONSTRATION")
        #expect(String(decoding: try contents(folder + "/report.html"), as: UTF8.self).contains("DEMONSTRATION MODEL"))
        let set = try DicomFile(contentsOf: folder + "/rtstruct.dcm").dataSet
        #expect(set.string(.structureSetLabel) == "DEMONSTRATION")
        for tag in [Tag.structureSetName, .structureSetDescription, .seriesDescription] {
            #expect(set.string(tag)?.contains("DEMONSTRATION") == true, "\(tag)")
        }
        let segmentation = try DicomFile(contentsOf: folder + "/seg.dcm").dataSet
        for tag in [Tag.seriesDescription, .contentDescription] {
            #expect(segmentation.string(tag)?.contains("DEMONSTRATION") == true, "\(tag)")
        }
    }

    @Test("labels hold the structures themselves, unions have files of their own, and all products agree")
    func products() throws {
        let bench = try Workbench()
        try SmallPhantom.write(4, to: bench.folder.file("in"), withTruth: false)
        let folder = try #require(try bench.run([bench.folder.file("in")]).first?.output)
        let labels = try NiftiFile.readLabels(folder + "/labels.nii.gz")
        #expect(Set(labels.voxels) == [0, 1, 2])
        func nifti(_ name: String) throws -> Voxels<UInt8> {
            try NiftiFile.readLabels("\(folder)/\(name).nii.gz").voxels
        }
        #expect(try nifti("Lung_L") == labels.voxels.map { $0 == 1 ? 1 : 0 })
        #expect(try nifti("Lung_R") == labels.voxels.map { $0 == 2 ? 1 : 0 })
        #expect(try nifti("Lungs") == labels.voxels.map { $0 == 0 ? 0 : 1 })
        let set = try RTStructureSet(contentsOf: folder + "/rtstruct.dcm")
        #expect(set.structures.map(\.name) == ["Lung_L", "Lung_R", "Lungs"] && set.approvalStatus == "UNAPPROVED")
        let geometry = phantomGeometry(try SmallPhantom.request(4))
        for (structure, wanted) in zip(set.structures, [[1], [2], [1, 2]] as [Set<UInt8>]) {
            let (mask, outside) = structure.mask(on: geometry)
            #expect(outside == 0)
            #expect(mask.voxels == labels.voxels.map { wanted.contains($0) ? 1 : 0 }, "\(structure.name)")
        }
    }

    @Test(
        "both lungs are right whatever the signs of the CT's axes",
        arguments: [
            "+x+y+z", "-x+y+z", "+x-y+z", "-x-y+z", "+x+y-z", "-x+y-z", "+x-y-z", "-x-y-z",
        ]
    )
    func orientations(_ signs: String) throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let images = try SmallPhantom.write(3, signs: signs, to: bench.folder.file("in"), withTruth: false)
        let run = try bench.prepare("run", images: images)
        try bench.runStages(run, [.resample, .segment])
        let labels = try Volume<UInt8>(contentsOfBase: run.directory(of: .segment) + "/labels")
        let truth = generatePhantom(
            seed: 3,
            scan: PhantomScan(geometry: phantomGeometry(try SmallPhantom.request(3, signs: signs)), noiseHU: 10),
            threads: 2
        )
        for (name, label) in [("Lung_L", UInt8(1)), ("Lung_R", 2)] {
            let true_ = try #require(truth.mask(of: name)).resampledNearest(to: labels.geometry, outside: 0, threads: 1)
            let found = LabelMap(volume: labels, labels: [name: label]).mask(ofLabels: [label])
            #expect(dice(reference: true_, prediction: found) ?? 0 > 0.85, "\(name)")
        }
    }

    /// The phantom's grid turned about the patient's left-right axis, around the middle.
    private func turned(_ degrees: Double, _ geometry: VolumeGeometry) -> VolumeGeometry {
        let (c, s) = (cos(degrees * .pi / 180), sin(degrees * .pi / 180))
        var turned = geometry
        (turned.directionJ, turned.directionK) = (Vector3(0, c, s), Vector3(0, -s, c))
        return centred(turned, on: geometry)
    }

    private func coronal(_ geometry: VolumeGeometry) -> VolumeGeometry {
        var coronal = geometry
        coronal.dimensions = Dimensions(i: 84, j: 64, k: 68)
        coronal.spacing = Vector3(4.9, 4.5, 4.9)
        (coronal.directionJ, coronal.directionK) = (Vector3(0, 0, -1), Vector3(0, 1, 0))
        return centred(coronal, on: geometry)
    }

    private func centred(_ geometry: VolumeGeometry, on other: VolumeGeometry) -> VolumeGeometry {
        func middle(_ g: VolumeGeometry) -> Vector3 {
            g.patientPoint(
                i: Double(g.dimensions.i - 1) / 2,
                j: Double(g.dimensions.j - 1) / 2,
                k: Double(g.dimensions.k - 1) / 2
            ).vector
        }
        var moved = geometry
        moved.origin = PatientPoint(geometry.origin.vector + middle(other) - middle(geometry))
        return moved
    }

    @Test(
        "tilted and coronal series are contoured in their own places",
        arguments: ["tilted by 12", "tilted by -20", "coronal"]
    )
    func oblique(_ how: String) throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        let phantom = generatePhantom(
            seed: 3,
            scan: PhantomScan(geometry: phantomGeometry(try SmallPhantom.request(3)), noiseHU: 10),
            threads: 2
        )
        let straight = phantom.ct.geometry
        let geometry = how == "coronal" ? coronal(straight) : turned(how == "tilted by 12" ? 12 : -20, straight)
        let ct = phantom.ct.resampledLinear(to: geometry, outside: -1000, threads: 2)
        try FileManager.default.createDirectory(atPath: bench.folder.file("in"), withIntermediateDirectories: true)
        let written = try writeCTSeries(
            volume: Volume(geometry: geometry, voxels: ct.voxels.map { Int16($0.rounded()) }),
            to: bench.folder.file("in")
        )
        let run = try bench.prepare("run", images: written.files)
        try bench.runStages(run)
        let labels = try Volume<UInt8>(contentsOfBase: run.directory(of: .segment) + "/labels")
        for (name, label) in [("Lung_L", UInt8(1)), ("Lung_R", 2)] {
            let truth = try #require(phantom.mask(of: name)).resampledNearest(
                to: labels.geometry,
                outside: 0,
                threads: 1
            )
            let found = LabelMap(volume: labels, labels: [name: label]).mask(ofLabels: [label])
            #expect(dice(reference: truth, prediction: found) ?? 0 > 0.8, "\(name)")
        }
    }

    @Test("how a CT is stored does not move its contours: not by half a voxel")
    func storage() throws {
        let bench = try Workbench()
        let straight = phantomGeometry(try SmallPhantom.request(3))
        let ct = generatePhantom(seed: 3, scan: PhantomScan(geometry: straight, noiseHU: 0), threads: 2).ct
        func labels(_ geometry: VolumeGeometry, _ name: String) throws -> Volume<UInt8> {
            try FileManager.default.createDirectory(atPath: bench.folder.file(name), withIntermediateDirectories: true)
            let turned = ct.resampledNearest(to: geometry, outside: -1000, threads: 2)
            let run = try bench.prepare(
                name + " run",
                images: try writeCTSeries(volume: turned, to: bench.folder.file(name)).files
            )
            try bench.runStages(run, [.resample, .segment])
            return try Volume<UInt8>(contentsOfBase: run.directory(of: .segment) + "/labels")
        }
        let expected = try labels(straight, "straight")
        for signs in 1..<8 {
            var stored = straight
            let d = straight.dimensions
            stored.origin = straight.patientPoint(
                VoxelIndex(
                    i: signs & 1 == 0 ? 0 : d.i - 1,
                    j: signs & 2 == 0 ? 0 : d.j - 1,
                    k: signs & 4 == 0 ? 0 : d.k - 1
                )
            )
            if signs & 1 != 0 { stored.directionI = -stored.directionI }
            if signs & 2 != 0 { stored.directionJ = -stored.directionJ }
            if signs & 4 != 0 { stored.directionK = -stored.directionK }
            let found = try labels(stored, "\(signs)").resampledNearest(to: expected.geometry, outside: 0, threads: 1)
            let differing = zip(found.voxels, expected.voxels).count { $0 != $1 }
            // Rounding alone: a few voxels of thousands lie on the threshold.
            #expect(differing <= 5, "signs \(signs): \(differing) voxels")
        }
    }

    @Test("with its weights zeroed or shuffled the network finds no lung: nothing else makes foreground")
    func weightsDoTheWork() throws {
        let bench = try Workbench()
        try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        var changes: [(String, WeightChange)] = [("zeroed", { $1 = Tensor(shape: $1.shape) })]
        for seed in [1, 2, 3] as [UInt64] {
            let change: WeightChange = { name, tensor in
                var random = SplitMix64(state: seed &+ UInt64(name.utf8.reduce(0) { ($0 * 31 + Int($1)) % 65_537 }))
                tensor.values.shuffle(using: &random)
            }
            changes.append(("shuffled \(seed)", change))
        }
        for (what, change) in changes {
            let changed = try Workbench(change)
            changed.export.writesPictures = false
            let outcome = try #require(try changed.run([bench.folder.file("in")]).first)
            let folder = try #require(outcome.output, "\(what): \(String(describing: outcome.fault))")
            #expect(try names(in: folder) == ["report.html", "report.json"], "\(what)")
            let report = try json(folder + "/report.json")
            let findings = try #require(report["findings"] as? [[String: Any]])
            #expect(findings.first?["message"] as? String == "no lung found", "\(what)")
            #expect(outcome.verdict == .review, "\(what)")
        }
    }

    @Test("a CT with a missing slice gets a folder that says why, and no contours")
    func refusal() throws {
        let bench = try Workbench()
        let images = try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        try FileManager.default.removeItem(atPath: images[11])
        let outcome = try #require(try bench.run([bench.folder.file("in/ct")]).first)
        #expect(outcome.verdict == .refused && outcome.fault?.code == "E_MISSING_SLICE")
        #expect(try names(in: bench.output) == [outcome.name + ".refused"])
        let folder = try #require(outcome.output)
        #expect(try names(in: folder) == ["REFUSED.txt", "report.json"])
        let text = String(decoding: try contents(folder + "/REFUSED.txt"), as: UTF8.self)
        for part in ["E_MISSING_SLICE", "1 missing between slice 11", "and slice 13", "What to do"] {
            #expect(text.contains(part), "\(part)")
        }
        let report = try json(folder + "/report.json")
        #expect(report["verdict"] as? String == "refused")
        #expect((report["fault"] as? [String: Any])?["code"] as? String == "E_MISSING_SLICE")
        #expect(!text.contains("Phantom"), "the name of the patient")
        let header = try InstanceHeader(contentsOf: images[0])
        let series = try #require(report["series"] as? [String: Any])
        #expect(series["seriesInstanceUID"] as? String == header.seriesInstanceUID)
        #expect(series["studyInstanceUID"] as? String == header.studyInstanceUID)
        #expect(series["modality"] as? String == "CT" && series["images"] as? Int == images.count - 1)
        #expect(series["slices"] == nil && series["part"] == nil)
        #expect(text.contains(header.seriesInstanceUID) && !text.contains("retry") && !text.contains("service"))
    }

    @Test("a product that does not give back the mask is not delivered, nor is anything else")
    func gate() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        // No Dice reaches this.
        bench.export.minimumRoundTripDice = 1.01
        try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        let outcome = try #require(try bench.run([bench.folder.file("in")]).first)
        #expect(outcome.verdict == .failed && outcome.output == nil)
        #expect(outcome.fault?.code == "E_ROUND_TRIP" && outcome.fault?.kind == .bug)
        #expect(try names(in: bench.output).isEmpty)
    }

    @Test("a second run of the same series stands beside the first")
    func again() throws {
        let bench = try Workbench()
        bench.export.writesPictures = false
        try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        let first = try #require(try bench.run([bench.folder.file("in")]).first)
        let second = try #require(try bench.run([bench.folder.file("in")]).first)
        #expect(try names(in: bench.output) == [first.name, first.name + "-r2"])
        #expect(second.output?.hasSuffix("-r2") == true)
        let products = ["rtstruct.dcm", "seg.dcm", "labels.nii.gz"]
        let folders = [try #require(first.output), try #require(second.output)]
        for name in products.dropFirst(2) {
            #expect(try contents("\(folders[0])/\(name)") == contents("\(folders[1])/\(name)"))
        }
        // What was made at another time is another object.
        for name in products.dropLast() {
            let uids = try folders.map { try DicomFile(contentsOf: "\($0)/\(name)").dataSet.string(.sopInstanceUID) }
            #expect(uids[0] != nil && uids[0] != uids[1], "\(name)")
        }
    }

    @Test("cancelled work leaves nothing behind")
    func cancelled() throws {
        let bench = try Workbench()
        try SmallPhantom.write(3, to: bench.folder.file("in"), withTruth: false)
        let outcome = try #require(try bench.run([bench.folder.file("in")], isCancelled: { true }).first)
        #expect(outcome.fault == .cancelled && outcome.output == nil)
        #expect(try names(in: bench.output).isEmpty)
    }
}
