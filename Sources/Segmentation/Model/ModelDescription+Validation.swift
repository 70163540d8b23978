import Foundation
import NeuralNet

/// Rules that the JSON Schema cannot say or that must hold even when nobody ran a schema validator.
extension ModelDescription {
    /// The first rule that is broken, with the value that breaks it; nil when all hold.
    package func firstProblem() -> StrictJSON.Problem? {
        let checks = [
            checkHeader, { architecture.firstProblem(dimensions: input.dimensions) },
            { input.firstProblem(architecture) }, checkOutput, checkROIs, checkDerived,
        ]
        for check in checks {
            if let problem = check() { return problem.telling(valueIn: self) }
        }
        return nil
    }

    /// The name of a package that nobody named: that of its folder, with `-` for each character that no name may have.
    package static func name(ofFolder path: String) -> String {
        let folder = URL(fileURLWithPath: path).standardizedFileURL.lastPathComponent
        return String(folder.map { isInNames($0) ? $0 : "-" })
    }

    private static func isInNames(_ character: Character) -> Bool {
        character.isASCII && (character.isLetter || character.isNumber || "-_".contains(character))
    }

    private func checkHeader() -> StrictJSON.Problem? {
        if schemaVersion != Self.currentSchemaVersion {
            return .init(
                key: "schemaVersion",
                message: "version \(schemaVersion) is given, this software reads version \(Self.currentSchemaVersion)"
            )
        }
        if name.isEmpty || !name.allSatisfy(Self.isInNames) {
            return .init(key: "name", message: "letters, digits, - and _ only, at least one")
        }
        return version.isEmpty ? .init(key: "version", message: "must not be empty") : nil
    }

    private func checkOutput() -> StrictJSON.Problem? {
        guard output.threshold > 0, output.threshold < 1 else {
            return .init(key: "output.threshold", message: "must lie between 0 and 1")
        }
        return nil
    }

    private func checkROIs() -> StrictJSON.Problem? {
        if rois.isEmpty || rois.count > 254 { return .init(key: "rois", message: "1 to 254 structures") }
        for (index, roi) in rois.enumerated() {
            if let problem = checkName(roi.name, "rois[\(index)]") { return problem }
        }
        let names = Set(rois.map(\.name))
        if names.count != rois.count { return .init(key: "rois", message: "two structures have one name") }
        for (index, roi) in rois.enumerated() {
            if let problem = roi.firstProblem(path: "rois[\(index)]", expectedLabel: index + 1, names: names) {
                return problem
            }
        }
        return nil
    }

    private func checkDerived() -> StrictJSON.Problem? {
        var taken = Set(rois.map(\.name))
        for (index, roi) in derivedROIs.enumerated() {
            let path = "derivedROIs[\(index)]"
            let problem =
                checkName(roi.name, path) ?? checkColor(roi.color, path) ?? checkType(roi.interpretedType, path)
                ?? roi.codes.firstProblem(path)
            if let problem { return problem }
            if !taken.insert(roi.name).inserted {
                return .init(key: "\(path).name", message: "two structures are called \(roi.name)")
            }
            guard roi.union.count > 1, roi.union.allSatisfy({ name in rois.contains { $0.name == name } }) else {
                return .init(key: "\(path).union", message: "at least two names from rois")
            }
        }
        return nil
    }
}

extension InputDescription {
    func firstProblem(_ architecture: Architecture) -> StrictJSON.Problem? {
        let multiple = architecture.multiple(dimensions: dimensions)
        for (key, side) in [("columns", columns), ("rows", rows)] {
            guard (2...4096).contains(side) else { return problem(key, "2 to 4096") }
        }
        if let patch {
            if let problem = firstProblem(patch, multiple) { return problem }
        } else {
            for (key, side, multiple) in [("columns", columns, multiple.width), ("rows", rows, multiple.height)] {
                guard side.isMultiple(of: multiple) else {
                    return problem(key, "a multiple of \(multiple), by which the network divides it")
                }
            }
        }
        guard (0.1...20).contains(pixelSpacingMM) else { return problem("pixelSpacingMM", "0.1 to 20 mm") }
        guard (0...8).contains(neighbourSlices) else { return problem("neighbourSlices", "0 to 8") }
        guard (0.1...100).contains(neighbourDistanceMM) else {
            return problem("neighbourDistanceMM", "0.1 to 100 mm")
        }
        switch sliceSpacing {
        case .native: break
        case .nativeUpTo(let spacing):
            guard (0.1...50).contains(spacing) else { return problem("sliceSpacing.nativeUpToMM", "0.1 to 50 mm") }
        case .fixed(let spacing):
            guard (0.1...50).contains(spacing) else { return problem("sliceSpacing", "0.1 to 50 mm") }
        }
        guard windowHU.lower < windowHU.upper, windowHU.lower >= -32768, windowHU.upper <= 32767 else {
            return problem("windowHU", "lower below upper, both within 16 bits")
        }
        if case .structures(let marginMM, let coarseMM) = crop {
            guard (0...500).contains(marginMM) else { return problem("crop.marginMM", "0 to 500 mm") }
            guard (0.1...200).contains(coarseMM) else { return problem("crop.coarseMM", "0.1 to 200 mm") }
        }
        return nil
    }

    private func firstProblem(_ patch: Patch, _ multiple: Axes) -> StrictJSON.Problem? {
        let sides = [
            ("columns", patch.columns, multiple.width, columns), ("rows", patch.rows, multiple.height, rows),
            ("slices", patch.slices, multiple.depth, 1024),
        ]
        for (key, side, multiple, limit) in sides {
            guard side > 0, side <= limit, side.isMultiple(of: multiple) else {
                return problem(
                    "patch.\(key)",
                    "a multiple of \(multiple), by which the network divides it, at most \(limit)"
                )
            }
        }
        guard (0...0.9).contains(patch.overlap) else { return problem("patch.overlap", "0 to 0.9") }
        guard neighbourSlices == 0 else {
            return problem("neighbourSlices", "0 for patches: they hold the neighbouring slices already")
        }
        guard case .fixed = sliceSpacing else {
            return problem("sliceSpacing", "a number in mm for patches: their voxels have one size")
        }
        return nil
    }

    private func problem(_ key: String, _ message: String) -> StrictJSON.Problem {
        .init(key: "input.\(key)", message: message)
    }
}

extension ROIDescription {
    func firstProblem(path: String, expectedLabel: Int, names: Set<String>) -> StrictJSON.Problem? {
        let problem = checkColor(color, path) ?? checkType(interpretedType, path) ?? codes.firstProblem(path)
        if let problem { return problem }
        guard label == expectedLabel else {
            return .init(key: "\(path).label", message: "labels count from 1 in the order of the structures")
        }
        guard postprocessing.joins.allSatisfy({ names.contains($0) && $0 != name }) else {
            return .init(key: "\(path).postprocessing.joins", message: "names of other structures in rois")
        }
        if let symmetry = plausibility.symmetry, symmetry.to == name || !names.contains(symmetry.to) {
            return .init(key: "\(path).plausibility.symmetry.to", message: "the name of another structure in rois")
        }
        if let problem = firstProblemOfNumbers(path) { return problem }
        let knots = confidence?.knots ?? []
        guard zip(knots, knots.dropFirst()).allSatisfy({ $0.raw < $1.raw }) else {
            return .init(key: "\(path).confidence.knots", message: "must rise in raw")
        }
        return nil
    }
}

private func checkName(_ name: String, _ path: String) -> StrictJSON.Problem? {
    // TG-263: 16 characters, so that every planning system shows the whole name. The name also becomes a file.
    let characters = name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "_-+^~".contains($0)) }
    return (1...16).contains(name.count) && characters
        ? nil : .init(key: "\(path).name", message: "1 to 16 letters, digits, _ - + ^ or ~ (TG-263)")
}

/// RT ROI Interpreted Type is a Code String (PS3.5 6.2), which may be empty and whose terms planning systems may add to.
private func checkType(_ type: String, _ path: String) -> StrictJSON.Problem? {
    let isCode = type.allSatisfy { $0.isASCII && ($0.isUppercase || $0.isNumber || $0 == "_" || $0 == " ") }
    return type.count <= 16 && isCode
        ? nil
        : .init(
            key: "\(path).interpretedType",
            message: "at most 16 capital letters, digits, blanks and _ (DICOM PS3.3 C.8.8.8.1), as ORGAN or AVOIDANCE"
        )
}

extension ROICodes {
    /// A coded term is written to the Segmentation, which is none without value, scheme and meaning (PS3.3 8.8).
    fileprivate func firstProblem(_ path: String) -> StrictJSON.Problem? {
        let terms = [("category", category), ("type", type)] + (modifier.map { [("modifier", $0)] } ?? [])
        for (key, term) in terms {
            for (part, text, most) in [
                ("value", term.value, 16), ("scheme", term.scheme, 16), ("meaning", term.meaning, 64),
            ] where text.count > most || !text.contains(where: { !$0.isWhitespace }) {
                return .init(key: "\(path).codes.\(key).\(part)", message: "1 to \(most) characters (DICOM PS3.3 8.8)")
            }
        }
        return nil
    }
}

private func checkColor(_ color: [Int], _ path: String) -> StrictJSON.Problem? {
    color.count == 3 && color.allSatisfy { (0...255).contains($0) }
        ? nil : .init(key: "\(path).color", message: "three numbers from 0 to 255")
}
