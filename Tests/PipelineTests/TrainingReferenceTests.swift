import Dicom
import Foundation
import Imaging
import Nifti
import Pipeline
import Segmentation
import Testing

private let rois = TrainingConfiguration.lungs.rois

/// A patient whose objects are rewritten for every question.
private struct Patient {
    let folder: Folder
    let original: String

    init() throws {
        folder = try Folder()
        try SmallPhantom.write(1, to: folder.file("made"))
        original = folder.file("made/truth/rtstruct.dcm")
        try FileManager.default.createDirectory(atPath: folder.file("data/p1"), withIntermediateDirectories: true)
        try FileManager.default.moveItem(atPath: folder.file("made/ct"), toPath: folder.file("data/p1/ct"))
    }

    /// Writes a changed copy of an object into the patient's folder.
    func put(_ name: String, from source: String? = nil, _ change: (inout DataSet) -> Void = { _ in }) throws {
        var file = try DicomFile(contentsOf: source ?? original)
        change(&file.dataSet)
        // Contour Data may be longer than an explicit length can say.
        let syntax: TransferSyntax = source == nil ? .implicitVRLittleEndian : .explicitVRLittleEndian
        try file.write(to: folder.file("data/p1/" + name), transferSyntax: syntax)
    }

    func remove(_ name: String) throws { try FileManager.default.removeItem(atPath: folder.file("data/p1/" + name)) }

    func find(labels: String? = nil) throws -> TrainingCases {
        try findTrainingCases(in: [folder.file("data")], labels: labels, rois: rois)
    }

    /// Why the case is skipped; empty where it is not.
    func reason(_ change: (inout DataSet) -> Void) throws -> String {
        try put("1-1.dcm", change)
        return try find().skipped.map(\.remark).joined(separator: "; ")
    }

    /// Why the case cannot be loaded; empty where it can.
    func reasonOfLoading() throws -> String {
        let source = try #require(find().sources.first)
        do { _ = try source.load() } catch { return "\(error)" }
        return ""
    }
}

extension DataSet {
    fileprivate mutating func rename(_ old: String, _ new: String) {
        let items = sequence(.structureSetROISequence).map { item in
            var item = item
            if item.string(.roiName) == old { item.set(.roiName, .LO, new) }
            return item
        }
        set(.structureSetROISequence, sequence: items)
    }

    /// Replaces the contours of a structure.
    fileprivate mutating func setContours(of name: String, _ change: ([DataSet]) -> [DataSet]) {
        let number = sequence(.structureSetROISequence).first { $0.string(.roiName) == name }?.integer(.roiNumber)
        let items = sequence(.roiContourSequence).map { item in
            var item = item
            if item.integer(.referencedROINumber) == number {
                item.set(.contourSequence, sequence: change(item.sequence(.contourSequence)))
            }
            return item
        }
        set(.roiContourSequence, sequence: items)
    }

    /// Leaves the Frame of Reference, and no series in it.
    fileprivate mutating func forgetSeries() {
        let frames = sequence(.referencedFrameOfReferenceSequence).map { item in
            var item = item
            item.remove(.rtReferencedStudySequence)
            return item
        }
        set(.referencedFrameOfReferenceSequence, sequence: frames)
    }

    /// The contour moved; axis 0 is x.
    fileprivate func moved(_ axis: Int, _ distance: Double) -> DataSet {
        var item = self
        let numbers = item.doubles(.contourData).enumerated().map { $0 % 3 == axis ? $1 + distance : $1 }
        item.set(.contourData, .DS, doubles: numbers)
        return item
    }
}

@Suite("Contours that must not be learned from")
struct TrainingReferenceTests {
    @Test("a structure that is named but not drawn skips the case, as a structure set or as a segment without a voxel")
    func empty() throws {
        let patient = try Patient()
        #expect(try patient.reason { $0.setContours(of: "Lung_L") { _ in [] } } == "Lung_L without contours")
        #expect(try patient.reason { $0.rename("Lung_L", "Something") } == "without Lung_L")
        try patient.remove("1-1.dcm")
        try patient.put("seg.dcm", from: patient.folder.file("made/truth/seg.dcm")) { dataSet in
            let size = dataSet.bytes(.pixelData)?.count ?? 0
            dataSet.set(.pixelData, .OB, bytes: [UInt8](repeating: 0, count: size))
        }
        #expect(try patient.find().skipped.map(\.remark) == ["Lung_L, Lung_R without contours"])
    }

    @Test(
        "a structure of a registered scan is not learned from: the case is skipped, unless the CT has the structure, too"
    )
    func otherFrame() throws {
        let patient = try Patient()
        let reason = try patient.reason { $0.place(["Lung_L"], inFrame: "1.2.3.4", isListed: true) }
        #expect(reason == "Lung_L in another Frame of Reference than the CT")
        let both = try patient.reason { dataSet in
            dataSet.place(["Heart"], inFrame: "1.2.3.4", isListed: true)
            dataSet.rename("Heart", "Lung_L")
        }
        #expect(try both == "" && patient.reasonOfLoading() == "")
    }

    @Test("slices that nobody drew between drawn ones skip the case: they would be learned as background")
    func gaps() throws {
        let patient = try Patient()
        let reason = try patient.reason {
            $0.setContours(of: "Lung_L") { contours in
                let heights = Set(contours.map { $0.doubles(.contourData)[2] }).sorted()
                let left = Set(heights.enumerated().filter { $0.offset % 2 == 0 }.map(\.element))
                return contours.filter { left.contains($0.doubles(.contourData)[2]) }
            }
        }
        #expect(reason.contains(#/^Lung_L not drawn on [0-9]+ slices between others$/#), "\(reason)")
    }

    @Test("an undrawn copy of a structure says nothing against one that is drawn")
    func undrawnCopy() throws {
        let patient = try Patient()
        let reason = try patient.reason {
            $0.rename("Heart", "Left Lung")
            $0.setContours(of: "Left Lung") { _ in [] }
        }
        #expect(reason == "")
        #expect(try patient.reasonOfLoading() == "")
    }

    @Test("contours that lie outside of the CT or in another Frame of Reference, or are damaged or open, skip the case")
    func badContours() throws {
        let patient = try Patient()
        var count = 0
        for axis in 0..<3 {
            let outside = try patient.reason {
                $0.setContours(of: "Lung_L") { contours in
                    count = contours.count
                    return contours.enumerated().map { $0 < 3 ? $1.moved(axis, 5000) : $1 }
                }
            }
            #expect(outside == "3 of \(count) contours of Lung_L outside of the CT")
        }
        let damaged = try patient.reason {
            $0.setContours(of: "Lung_L") { contours in
                contours.enumerated().map { index, contour in
                    var contour = contour
                    if index < 2 { contour.set(.contourData, .DS, doubles: contour.doubles(.contourData).dropLast()) }
                    if index == 2 { contour.set(.contourGeometricType, .CS, "OPEN_PLANAR") }
                    return contour
                }
            }
        }
        #expect(
            damaged
                == "2 of \(count) contours of Lung_L damaged, 1 of \(count) contours of Lung_L not closed"
        )
        let elsewhere = try patient.reason { dataSet in
            let frames = dataSet.sequence(.referencedFrameOfReferenceSequence).map { item in
                var item = item
                item.set(.frameOfReferenceUID, .UI, "1.2.3")
                return item
            }
            dataSet.set(.referencedFrameOfReferenceSequence, sequence: frames)
        }
        #expect(elsewhere == "contours in another Frame of Reference than the CT (1-1.dcm)")
    }

    @Test("a structure set that names no series belongs to the one whose images its contours name")
    func withoutSeries() throws {
        let patient = try Patient()
        #expect(try patient.reason { $0.forgetSeries() } == "")
        #expect(try patient.find().sources.map(\.name) == ["p1"])
        #expect(try patient.reasonOfLoading() == "")
        let strays = try patient.reason { dataSet in
            dataSet.forgetSeries()
            for name in dataSet.sequence(.structureSetROISequence).compactMap({ $0.string(.roiName) }) {
                dataSet.setContours(of: name) { contours in
                    contours.map { contour in
                        var contour = contour
                        contour.set(.contourImageSequence, sequence: [])
                        return contour
                    }
                }
            }
        }
        #expect(strays.contains("contours that name no series, and not the images of one that is here"), "\(strays)")
        #expect(!strays.contains("of a series that is not here"))
    }

    @Test("contours that somebody rejected are not learned from: others are used, and told, or the case is skipped")
    func rejected() throws {
        let patient = try Patient()
        let reject: (inout DataSet) -> Void = { $0.set(.approvalStatus, .CS, "REJECTED") }
        #expect(try patient.reason(reject) == "Lung_L, Lung_R rejected (Approval Status of 1-1.dcm)")
        // Without the row's word nobody would know that the case had two opinions.
        try patient.put("1-2.dcm") { dataSet in
            reject(&dataSet)
            dataSet.setContours(of: "Lung_R") { $0.map { $0.moved(1, 25) } }
        }
        #expect(try patient.reason { $0.set(.approvalStatus, .CS, "APPROVED") } == "")
        let loaded = try #require(patient.find().sources.first).load()
        #expect(loaded.remark == "1-2.dcm not used (Approval Status REJECTED)")
        #expect(try patient.reason { $0.rename("Lung_R", "Other") } == "Lung_R rejected (Approval Status of 1-2.dcm)")
    }

    @Test(
        "an approved set is learned from alone where it shows all that another one shows, and the row names the other"
    )
    func approved() throws {
        let patient = try Patient()
        try patient.put("1-1.dcm") { $0.set(.approvalStatus, .CS, "APPROVED") }
        try patient.put("1-2.dcm") { $0.setContours(of: "Lung_R") { $0.map { $0.moved(1, 25) } } }
        let loaded = try #require(patient.find().sources.first).load()
        #expect(loaded.remark == "1-2.dcm not used (another set is APPROVED)")
        try patient.remove("1-2.dcm")
        #expect(try #require(patient.find().sources.first).load().labels.voxels == loaded.labels.voxels)
        // One that shows less does not speak for the rest.
        try patient.put("1-2.dcm") { $0.setContours(of: "Lung_R") { $0.map { $0.moved(1, 25) } } }
        let part = try patient.reason { dataSet in
            dataSet.set(.approvalStatus, .CS, "APPROVED")
            dataSet.rename("Lung_L", "Other")
        }
        #expect(try part == "" && patient.reasonOfLoading().contains("Lung_R (1-2.dcm)"))
        // Two approved ones that differ leave nobody to ask.
        for (name, distance) in [("1-1.dcm", 0.0), ("1-2.dcm", 25.0)] {
            try patient.put(name) { dataSet in
                dataSet.set(.approvalStatus, .CS, "APPROVED")
                dataSet.setContours(of: "Lung_R") { $0.map { $0.moved(1, distance) } }
            }
        }
        #expect(try patient.reasonOfLoading().contains("are one structure of the recipe and differ"))
    }

    @Test("two drawings of one structure that differ skip the case, in two objects or by two names in one")
    func ambiguous() throws {
        let patient = try Patient()
        try patient.put("1-1.dcm")
        try patient.put("1-2.dcm")
        try patient.put("seg.dcm", from: patient.folder.file("made/truth/seg.dcm"))
        // The same contours three times: one case that knows each other name once.
        #expect(try patient.reasonOfLoading() == "")
        #expect(try patient.find().unmatchedNames["Heart"] == 1)
        try patient.put("1-2.dcm") { $0.setContours(of: "Lung_R") { $0.map { $0.moved(1, 25) } } }
        let objects = try patient.reasonOfLoading()
        #expect(objects.hasPrefix("Lung_R (1-1.dcm) and Lung_R (1-2.dcm) are one structure of the recipe and differ"))
        for name in ["1-2.dcm", "seg.dcm"] { try patient.remove(name) }
        try patient.put("1-1.dcm") { $0.rename("Heart", "Left Lung") }
        let names = try patient.reasonOfLoading()
        #expect(names.contains("Lung_L (1-1.dcm)") && names.contains("Left Lung (1-1.dcm)"))
        #expect(names.contains("are one structure of the recipe and differ (Dice 0"))
    }

    @Test("a damaged structure set, and a damaged image at the end of a scan, are called damaged")
    func damagedFiles() throws {
        let patient = try Patient()
        let bytes = try contents(patient.original)
        try bytes.prefix(bytes.count / 2).write(to: URL(fileURLWithPath: patient.folder.file("data/p1/1-1.dcm")))
        let remark = try patient.find().skipped.map(\.remark).joined()
        #expect(remark.hasPrefix("no contours of the recipe's structures; damaged: 1-1.dcm: The file is"))
        try patient.put("1-1.dcm")
        let last = try #require(names(in: patient.folder.file("data/p1/ct")).last)
        let image = patient.folder.file("data/p1/ct/" + last)
        try contents(image).dropLast(1000).write(to: URL(fileURLWithPath: image))
        let found = try patient.find()
        #expect(found.sources.isEmpty && found.skipped.map(\.name) == ["p1"])
        #expect(found.skipped[0].remark.contains("1 image damaged (\(last)"))
    }

    @Test("a label map that is named by the UID of a scan must lie on its grid; what is no label map is named")
    func labelMaps() throws {
        let patient = try Patient()
        let request = try SmallPhantom.request(1)
        let uid = try InstanceHeader(
            contentsOf: patient.folder.file("data/p1/ct/") + names(in: patient.folder.file("data/p1/ct"))[0]
        ).seriesInstanceUID
        let labels = patient.folder.file("labels")
        try FileManager.default.createDirectory(atPath: labels, withIntermediateDirectories: true)
        func remarks() throws -> [String: String] {
            let found = try patient.find(labels: labels)
            return Dictionary(found.skipped.map { ($0.name, $0.remark) }, uniquingKeysWith: { $0 + "; " + $1 })
        }
        var half = phantomGeometry(request)
        half.dimensions.k /= 2
        var shifted = phantomGeometry(request)
        shifted.origin.x += 80
        for geometry in [half, shifted] {
            try NiftiFile.write(Volume<UInt8>(geometry: geometry, repeating: 1), to: "\(labels)/\(uid).nii.gz")
            #expect(try remarks() == ["p1": "image and label map (\(uid).nii.gz) lie on different grids"])
        }
        try Data("no label map".utf8).write(to: URL(fileURLWithPath: "\(labels)/\(uid).nii.gz"))
        try Data("nor this".utf8).write(to: URL(fileURLWithPath: "\(labels)/other.nii"))
        let told = try remarks()
        #expect(told["p1"]?.hasPrefix("its label map cannot be read: ") == true)
        #expect(told["other.nii"]?.hasPrefix("this label map cannot be read: ") == true)
        try Data("no label map".utf8).write(to: URL(fileURLWithPath: "\(labels)/\(uid)-2.nii.gz"))
        #expect(try remarks()["p1"] == "2 label maps have its UID in their names")
    }

    @Test("contours of a series that is no CT are told with its modality, a Label Map Segmentation with its kind")
    func otherKinds() throws {
        let patient = try Patient()
        let mr = "1.2.840.10008.5.1.4.1.1.4"
        for name in try names(in: patient.folder.file("data/p1/ct")) {
            let path = patient.folder.file("data/p1/ct/" + name)
            var file = try DicomFile(contentsOf: path)
            file.dataSet.set(.sopClassUID, .UI, mr)
            file.dataSet.set(.modality, .CS, "MR")
            file.metaInformation.mediaStorageSOPClassUID = mr
            try file.write(to: path, transferSyntax: .explicitVRLittleEndian)
        }
        #expect(try patient.reason { _ in } == "contours of images that are no slices of a CT (Modality MR)")

        let other = try Patient()
        var segmentation = try DicomFile(contentsOf: other.folder.file("made/truth/seg.dcm"))
        segmentation.dataSet.set(.sopClassUID, .UI, "1.2.840.10008.5.1.4.1.1.66.7")
        segmentation.metaInformation.mediaStorageSOPClassUID = "1.2.840.10008.5.1.4.1.1.66.7"
        try segmentation.write(to: other.folder.file("data/p1/map.dcm"), transferSyntax: .explicitVRLittleEndian)
        #expect(
            try other.find().skipped.map(\.remark) == [
                "no contours of the recipe's structures; map.dcm is a Label Map Segmentation, which is not read: write it as a "
                    + "binary one"
            ]
        )
    }

    @Test(
        "a label map on the grid of two scans is nobody's until it is named, and one that is named is not another scan's"
    )
    func sharedGrid() throws {
        let patient = try Patient()
        let labels = patient.folder.file("labels")
        try FileManager.default.createDirectory(atPath: labels, withIntermediateDirectories: true)
        let map = Volume<UInt8>(geometry: phantomGeometry(try SmallPhantom.request(1)), repeating: 1)
        try NiftiFile.write(map, to: labels + "/map.nii.gz")
        func found() throws -> TrainingCases { try patient.find(labels: labels) }
        #expect(try found().sources.map(\.name) == ["p1"])
        // The same positions, as another series: a phase, a repeat, or somebody else.
        let ct = patient.folder.file("data/p1/ct/")
        let uid = try InstanceHeader(contentsOf: ct + names(in: ct)[0]).seriesInstanceUID
        try FileManager.default.createDirectory(
            atPath: patient.folder.file("data/p2"),
            withIntermediateDirectories: true
        )
        for (index, name) in try names(in: ct).enumerated() {
            var file = try DicomFile(contentsOf: ct + name)
            file.dataSet.set(.seriesInstanceUID, .UI, uid + "7")
            file.dataSet.set(.sopInstanceUID, .UI, uid + "7.\(index)")
            file.metaInformation.mediaStorageSOPInstanceUID = uid + "7.\(index)"
            try file.write(
                to: patient.folder.file("data/p2/") + name,
                transferSyntax: .explicitVRLittleEndian
            )
        }
        let shared = try found()
        #expect(shared.sources.isEmpty && shared.skipped.map(\.name) == ["p1", "p2"])
        let words = "2 CT series lie on the grid of the label map map.nii.gz, and nothing says whose it is"
        #expect(shared.skipped.allSatisfy { $0.remark.hasPrefix(words) })
        for (uid, name, other) in [(uid, "p1", "p2"), (uid + "7", "p2", "p1")] {
            try FileManager.default.moveItem(atPath: labels + "/map.nii.gz", toPath: "\(labels)/\(uid).nii.gz")
            let named = try found()
            #expect(named.sources.map(\.name) == [name])
            #expect(named.skipped.map(\.name) == [other])
            try FileManager.default.moveItem(atPath: "\(labels)/\(uid).nii.gz", toPath: labels + "/map.nii.gz")
        }
    }
}
