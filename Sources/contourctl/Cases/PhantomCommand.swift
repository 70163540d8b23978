import ArgumentParser
import Imaging
import Phantom
import Pipeline
import Platform

struct PhantomCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "phantom",
        abstract: "Write a synthetic thorax CT as a DICOM series, with its true contours.",
        discussion: """
            The CT lies in DIR/ct, one file a slice, and the truth in DIR/truth: an RT Structure Set, a Segmentation and \
            a NIfTI mask each of Lung_L, Lung_R, Heart, Esophagus, SpinalCord, Body and Body-Lungs, which has holes, and the \
            organ of every voxel (organs.nii.gz, organs.txt). The same seed and grid give the same files. No real person \
            is in it: use it to see contourd work, to test an installation, or to demonstrate it.

            EXAMPLES
              contourctl phantom --output /tmp/phantom
              contourctl phantom --output /tmp/thin --seed 3 --slices 300 --spacing 0.9 0.9 1.2
              contourctl phantom --output /tmp/feet-first --orientation=-x+y-z
              contourctl phantom --output /tmp/ill --disease effusion collapse --contrast arterial --arms down
              contourctl phantom --output /tmp/chance --seed 12 --random --columns 512

            EXIT STATUS
              0 written; 64 options that do not go together; 73 the output cannot be made or is not empty, or no space is left; 77 \
            permission denied
            """
    )

    @Option(help: ArgumentHelp("Folder to make; it must not exist or be empty.", valueName: "dir"))
    var output: String

    @Option(help: "Which synthetic person: a whole number, 0 to 18446744073709551615.")
    var seed: UInt64 = 1

    @Option(help: "Columns of a slice.")
    var columns: Int = 256

    @Option(help: "Rows of a slice.")
    var rows: Int = 256

    @Option(help: "Number of slices. Default: enough for both lungs.")
    var slices: Int?

    @Option(
        parsing: .upToNextOption,
        help: ArgumentHelp("Column, row and slice spacing in mm.", valueName: "mm")
    )
    var spacing: [Double] = [1.6, 1.6, 3]

    @Option(
        help: ArgumentHelp(
            "Patient directions of columns, rows and slices: signs of x (left), y (posterior), z (head).",
            valueName: "signs"
        )
    )
    var orientation: String = "+x+y+z"

    @Option(help: "Noise in soft tissue, standard deviation in HU.")
    var noise: Double = 14

    @Option(
        parsing: .upToNextOption,
        help: "What is wrong with the chest: \(PhantomOptions.Disease.names)."
    )
    var disease: [PhantomOptions.Disease] = []

    @Option(parsing: .upToNextOption, help: "Metal and tubes: \(PhantomOptions.Implant.names).")
    var implant: [PhantomOptions.Implant] = []

    @Option(help: "Where contrast medium is: \(PhantomOptions.Contrast.names).")
    var contrast = PhantomOptions.Contrast.none

    @Option(help: "Arms \(PhantomOptions.Arms.names).")
    var arms = PhantomOptions.Arms.up

    @Option(help: "What the patient lies on: \(PhantomOptions.Couch.names).")
    var couch = PhantomOptions.Couch.flat

    @Option(help: "Kind of scan: \(PhantomScan.Kind.names).")
    var scan = PhantomScan.Kind.standard

    @Flag(
        help: """
            Draw disease, implants, pose, scan, range and orientation from the seed, as training does. \
            Only --columns and --lung-margin count beside it.
            """
    )
    var random = false

    @Option(
        help: ArgumentHelp(
            "How far outside of the edge of a lung its true contour lies in a slice, mm; clinicians draw some 0.3.",
            valueName: "mm"
        )
    )
    var lungMargin = 0.0

    @Flag(help: "Leave the true contours out.")
    var withoutTruth = false

    @Flag(help: "Print what was drawn and written as JSON.")
    var json = false

    func validate() throws {
        guard spacing.count == 3, spacing.allSatisfy({ $0 >= 0.2 && $0 <= 20 }) else {
            throw ValidationError("--spacing takes three numbers between 0.2 and 20 mm, for example 1.6 1.6 3")
        }
        guard (32...1024).contains(columns), (32...1024).contains(rows), (1...2000).contains(slices ?? 1) else {
            throw ValidationError("--columns and --rows take 32 to 1024, --slices takes 1 to 2000")
        }
        guard AxisSigns(orientation) != nil else {
            throw ValidationError("--orientation takes the signs of x, y and z, for example +x+y+z or -x+y-z")
        }
        guard (0...5).contains(lungMargin) else { throw ValidationError("--lung-margin takes 0 to 5 mm") }
        guard (0...200).contains(noise) else { throw ValidationError("--noise takes 0 to 200 HU") }
    }

    func run() throws {
        try exiting {
            guard let signs = AxisSigns(orientation) else { return }
            var request = PhantomRequest(
                seed: seed,
                columns: columns,
                rows: rows,
                slices: slices,
                spacing: Vector3(spacing[0], spacing[1], spacing[2]),
                signs: signs,
                noiseHU: noise,
                withTruth: !withoutTruth
            )
            request.options.diseases = Set(disease)
            request.options.implants = Set(implant)
            (request.options.contrast, request.options.arms, request.options.couch) = (contrast, arms, couch)
            (request.kind, request.isRandom, request.lungMarginMM) = (scan, random, lungMargin)
            do {
                let written = try writePhantom(request, to: output, threads: ProcessorCount.available)
                if json { return try printJSON(Answer(written, output: output)) }
                print("\(written.sliceCount) slices in \(output)/ct")
                if let truth = written.truthPath {
                    print("truth in \(truth) and beside it")
                } else if request.withTruth {
                    print("truth in \(output)/truth, without rtstruct.dcm and seg.dcm: the picture shows no structure")
                }
            } catch let error as PhantomError {
                throw CommandFailure(.cannotCreate, error.description)
            }
        }
    }
}

/// What `phantom --json` prints.
private struct Answer: Encodable {
    var ct: String
    var seriesInstanceUID: String
    var slices: Int
    /// The RT Structure Set.
    var truth: String?
    var disease: [String]
    var implants: [String]
    var contrast: String
    var arms: String
    var couch: String
    var sliceThicknessMM: Double
    /// Of columns, rows and slices.
    var spacingMM: [Double]

    init(_ written: WrittenPhantom, output: String) {
        ct = output + "/ct"
        seriesInstanceUID = written.seriesInstanceUID
        slices = written.sliceCount
        truth = written.truthPath
        let (options, scan) = (written.options, written.scan)
        disease = options.diseases.map(\.rawValue).sorted()
        implants = options.implants.map(\.rawValue).sorted()
        (contrast, arms, couch) = (options.contrast.rawValue, options.arms.rawValue, options.couch.rawValue)
        sliceThicknessMM = scan.thicknessMM
        spacingMM = [scan.geometry.spacing.x, scan.geometry.spacing.y, scan.geometry.spacing.z]
    }
}

extension PhantomOptions.Disease: ExpressibleByArgument {}
extension PhantomOptions.Implant: ExpressibleByArgument {}
extension PhantomOptions.Contrast: ExpressibleByArgument {}
extension PhantomOptions.Arms: ExpressibleByArgument {}
extension PhantomOptions.Couch: ExpressibleByArgument {}
extension PhantomScan.Kind: ExpressibleByArgument {}

extension CaseIterable where Self: RawRepresentable, RawValue == String {
    /// All values for a help text: `a, b or c`.
    fileprivate static var names: String {
        let all = allCases.map(\.rawValue)
        return all.dropLast().joined(separator: ", ") + " or " + (all.last ?? "")
    }
}
