import Dicom
import Foundation
import Imaging
import Nifti
import Phantom
import Platform

/// What `writePhantom` left on disk.
package struct WrittenPhantom: Sendable {
    package var sliceCount: Int
    package var seriesInstanceUID: String
    /// The true RT Structure Set; nil when it was not asked for, or the picture shows none of the structures.
    package var truthPath: String?
    /// Disease, implants, contrast medium and pose.
    package var options: PhantomOptions
    package var scan: PhantomScan
}

/// Errors of making a phantom.
package enum PhantomError: Error, CustomStringConvertible, Sendable {
    case outputNotEmpty(String)

    package var description: String {
        switch self {
        case .outputNotEmpty(let path):
            "\(path) is not empty. Name a new folder: a phantom is never mixed with other files."
        }
    }
}

/// The grid of a phantom that is not drawn by chance: the person's midline in the middle of the picture.
package func phantomGeometry(_ request: PhantomRequest) -> VolumeGeometry {
    let person = ThoraxAnatomy(seed: request.seed)
    let range = person.scanRange
    let needed = Int(((range.upperBound - range.lowerBound) / request.spacing.z).rounded(.up))
    let slices = request.slices ?? needed
    let count = Vector3(Double(request.columns), Double(request.rows), Double(slices))
    let half = (count - Vector3(repeating: 1)) * request.spacing / 2
    let signs = Vector3(request.signs.x, request.signs.y, request.signs.z)
    let centre = Vector3(0, 12, (range.lowerBound + range.upperBound) / 2)
    return VolumeGeometry(
        dimensions: Dimensions(i: request.columns, j: request.rows, k: slices),
        origin: PatientPoint(centre - signs * half),
        spacing: request.spacing,
        directionI: Vector3(signs.x, 0, 0),
        directionJ: Vector3(0, signs.y, 0),
        directionK: Vector3(0, 0, signs.z),
        frameOfReferenceUID: UID.derived(namespace: request.identity + ["frame"])
    )
}

extension PhantomRequest {
    /// Everything that the true contours depend on.
    fileprivate var truthIdentity: [String] {
        identity + ["truth"] + (lungMarginMM > 0 ? ["lung margin \(lungMarginMM)"] : [])
    }

    /// Everything that the voxels depend on: two different phantoms never share a UID.
    var identity: [String] {
        [
            "phantom", "\(PhantomCase.version)", "\(seed)", "\(columns)x\(rows)x\(slices ?? 0)",
            "\(spacing.x) \(spacing.y) \(spacing.z)",
            "\(signs.x) \(signs.y) \(signs.z)", "\(noiseHU)", "\(kind)", isRandom ? "random" : options.identity,
        ]
    }

    /// The patient and the scan: as asked for, or by chance.
    func draw() -> RandomPhantom {
        var drawn = RandomPhantom(seed: seed, columns: columns)
        if isRandom {
            drawn.scan.geometry.frameOfReferenceUID = UID.derived(namespace: identity + ["frame"])
        } else {
            drawn.options = options
            drawn.scan = PhantomScan(geometry: phantomGeometry(self), noiseHU: noiseHU)
            drawn.scan.apply(kind)
        }
        drawn.scan.lungMarginMM = lungMarginMM
        return drawn
    }
}

/// Makes a phantom and writes it below `output`: `ct/` and, when asked for, `truth/rtstruct.dcm`.
///
/// - Throws: `PhantomError.outputNotEmpty`, `DicomError`, `SystemError`, or Foundation's errors of writing files.
package func writePhantom(_ request: PhantomRequest, to output: String, threads: Int) throws -> WrittenPhantom {
    let files = FileManager.default
    if let present = try? files.contentsOfDirectory(atPath: output), !present.isEmpty {  // absent is what we want
        throw PhantomError.outputNotEmpty(output)
    }
    let folder = output + "/ct"
    try Directory.create(folder)
    let drawn = request.draw()
    let phantom = drawn.generate(threads: threads)
    var description = CTSeriesDescription()
    description.patientID = "PHANTOM-\(request.seed)"
    description.uidNamespace = request.identity
    description.seriesDescription = "Synthetic thorax"
    description.patientPosition = phantom.ct.geometry.directionK.z > 0 ? "HFS" : "FFS"
    let written = try writeCTSeries(volume: phantom.ct, to: folder, description: description)
    var result = WrittenPhantom(
        sliceCount: written.files.count,
        seriesInstanceUID: description.seriesInstanceUID,
        truthPath: nil,
        options: drawn.options,
        scan: drawn.scan
    )
    if request.withTruth {
        result.truthPath = try writeTruth(phantom, written, request, to: output + "/truth")
    }
    return result
}

/// The true structures as an RT Structure Set, a Segmentation and one NIfTI file each; returns the path of the first, nil where the
/// picture shows none of them: it lies beside the patient, and neither object can say so.
private func writeTruth(
    _ phantom: PhantomCase,
    _ series: WrittenCTSeries,
    _ request: PhantomRequest,
    to folder: String
) throws -> String? {
    try Directory.create(folder)
    let geometry = phantom.ct.geometry
    let structures = PhantomCase.structures.compactMap { name in
        phantom.mask(of: name).map { (phantomStructure(name), SlicedMask($0)) }
    }
    for (description, mask) in structures {
        try NiftiFile.write(mask, to: "\(folder)/\(description.name).nii.gz")
    }
    try NiftiFile.write(phantom.organs, to: folder + "/organs.nii.gz")
    let names = Organ.allCases.map { "\($0.rawValue) \($0)\n" }.joined()
    try AtomicFile.write(Data(names.utf8), to: folder + "/organs.txt")
    guard structures.contains(where: { !$0.1.isEmpty }) else { return nil }
    let path = folder + "/rtstruct.dcm"
    try RTStructureSetWriter(
        product: truthProduct("rtstruct", 2, series, request),
        geometry: geometry,
        label: "phantom truth"
    ).write(structures, to: path)
    try SegmentationWriter(product: truthProduct("seg", 3, series, request), geometry: geometry)
        .write(structures, to: folder + "/seg.dcm")
    return path
}

private func truthProduct(
    _ kind: String,
    _ seriesNumber: Int,
    _ series: WrittenCTSeries,
    _ request: PhantomRequest
) -> ProductDescription {
    ProductDescription(
        reference: series.reference,
        slices: series.slices,
        seriesInstanceUID: UID.derived(namespace: request.truthIdentity + [kind, "series"]),
        sopInstanceUID: UID.derived(namespace: request.truthIdentity + [kind]),
        seriesNumber: seriesNumber,
        algorithmName: "phantom truth",
        softwareVersion: ContourdVersion.current,
        date: "20240101",
        time: "120000"
    )
}

private func phantomStructure(_ name: String) -> StructureDescription {
    let known: [String: (Int, Int, Int, String, String)] = [
        "Lung_L": (86, 180, 233, "39607008", "Lung"), "Lung_R": (0, 114, 178, "39607008", "Lung"),
        "Heart": (213, 94, 0, "80891009", "Heart"), "Esophagus": (240, 228, 66, "32849002", "Esophagus"),
        "SpinalCord": (0, 158, 115, "2748008", "Spinal cord"), "Body": (153, 153, 153, "38266002", "Entire body"),
    ]
    let (red, green, blue, code, meaning) = known[name] ?? (255, 255, 255, "91723000", "Anatomical structure")
    return StructureDescription(
        name: name,
        red: red,
        green: green,
        blue: blue,
        interpretedType: interpretedType(name),
        category: StructureDescription.anatomicalStructure,
        type: CodedTerm(value: code, scheme: "SCT", meaning: meaning)
    )
}

/// RT ROI Interpreted Type; a planning system takes only one structure for the patient's outline.
private func interpretedType(_ name: String) -> String {
    switch name {
    case "Body": "EXTERNAL"
    case "Body-Lungs": "CONTROL"
    default: "ORGAN"
    }
}
