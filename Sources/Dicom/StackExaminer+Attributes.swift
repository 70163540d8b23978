import Imaging

// Findings that need no order of the slices.

extension StackExaminer {
    mutating func examineKind() {
        let notCT = unique.filter { headers[$0].kind != .ctImage || headers[$0].modality != "CT" }
        if !notCT.isEmpty {
            let modalities = Set(notCT.map { DefinedTerm.modality(headers[$0].modality) })
            refuse(
                "E_NOT_CT",
                "This is no CT: modality \(modalities.sorted().joined(separator: ", ")).",
                hint: "Send CT images (SOP Class CT Image Storage or Enhanced CT Image Storage).",
                details: notCT.map(describe(header:))
            )
        }
        let localizers = unique.filter { headers[$0].isLocalizer }
        if !localizers.isEmpty {
            refuse(
                "E_LOCALIZER",
                "Localizer images are no volume.",
                hint: "Send the axial series.",
                details: localizers.map(describe(header:))
            )
        }
    }

    mutating func examinePixels() {
        let colour = unique.filter {
            headers[$0].samplesPerPixel != 1 || headers[$0].photometricInterpretation != "MONOCHROME2"
        }
        if !colour.isEmpty {
            let kinds = Set(
                colour.map {
                    let term = DefinedTerm.photometricInterpretation(headers[$0].photometricInterpretation)
                    return "\(term) with \(headers[$0].samplesPerPixel) samples per pixel"
                }
            )
            refuse(
                "E_NOT_GRAYSCALE",
                "Photometric Interpretation is \(kinds.sorted().joined(separator: ", ")), not MONOCHROME2 with 1.",
                hint: "Send the original CT images, not screenshots or colour maps.",
                details: colour.map(describe(header:))
            )
        }
    }

    mutating func examineIdentity() {
        if Set(unique.map { headers[$0].seriesInstanceUID }).count > 1 {
            refuse("E_SEVERAL_SERIES", "The images belong to several Series.", hint: "Send one Series.")
        }
        let frames = Set(unique.compactMap { headers[$0].frameOfReferenceUID })
        if unique.contains(where: { headers[$0].frameOfReferenceUID == nil }) {
            refuse(
                "E_NO_FRAME_OF_REFERENCE",
                "Frame of Reference UID is missing: contours could not be tied to this CT.",
                hint: "Export the original images; a converter may have dropped the attribute."
            )
        }
        if frames.count > 1 {
            refuse(
                "E_SEVERAL_FRAMES_OF_REFERENCE",
                "The images have \(frames.count) Frames of Reference.",
                hint: "Send one acquisition at a time."
            )
        }
        let temporal = Set(
            unique.flatMap { index in
                [headers[index].temporalPositionIdentifier] + headers[index].frames.map(\.temporalPositionIndex)
            }.compactMap(\.self)
        )
        if temporal.count > 1 {
            refuse(
                "E_SEVERAL_TIMES",
                "The images show \(temporal.count) temporal positions.",
                hint: "Send one phase at a time."
            )
        }
    }

    mutating func examineRescale() {
        var missing: [Int] = []
        var units: Set<String> = []
        for index in unique {
            let header = headers[index]
            if header.hasModalityLUT
                || header.frames.contains(where: { !($0.rescaleSlope ?? 0 > 0) || $0.rescaleIntercept == nil })
            {
                missing.append(index)
            }
            units.formUnion(header.frames.compactMap(\.rescaleType).filter { !["HU", ""].contains($0) })
        }
        if !missing.isEmpty {
            refuse(
                "E_NOT_HU",
                "Rescale Slope and Intercept are missing or unusable, so the values are not Hounsfield units.",
                hint: "Send the original CT images.",
                details: missing.map(describe(header:))
            )
        }
        if !units.isEmpty {
            refuse(
                "E_NOT_HU",
                "The values are in \(Set(units.map(DefinedTerm.rescaleType)).sorted().joined(separator: ", ")) (Rescale Type), not in Hounsfield units.",
                hint: "Send the original CT images, not computed maps."
            )
        }
    }

    /// Matrix and pixel spacing. False where there is no geometry to go on with.
    mutating func examineGrid() -> Bool {
        let incomplete = unique.filter { index in
            headers[index].frames.isEmpty
                || headers[index].frames.contains { $0.distanceAlongNormal == nil || $0.pixelSpacing == nil }
        }
        guard incomplete.isEmpty else {
            refuse(
                "E_NO_GEOMETRY",
                "Image Position, Image Orientation or Pixel Spacing is missing or invalid.",
                hint: "Export the original images; a converter may have dropped the geometry.",
                details: incomplete.map(describe(header:))
            )
            return false
        }
        examineMatrix()
        examinePixelSpacing()
        return true
    }

    private mutating func examineMatrix() {
        let sizes = Set(unique.map { [headers[$0].columns, headers[$0].rows] })
        if sizes.count > 1 {
            refuse(
                "E_MIXED_GRID",
                "The images have different numbers of rows or columns.",
                hint: "Send one reconstruction at a time."
            )
        }
        let allowed = limits.minimumMatrix...limits.maximumMatrix
        if let size = sizes.first(where: { !$0.allSatisfy(allowed.contains) }) {
            refuse(
                "E_MATRIX",
                "A matrix of \(size[0]) x \(size[1]) is outside \(allowed.lowerBound) to \(allowed.upperBound).",
                hint: "Send the original CT images."
            )
        }
        let voxels = unique.reduce(0) { $0 + headers[$1].rows * headers[$1].columns * headers[$1].frames.count }
        if voxels > limits.maximumVoxels {
            refuse(
                "E_TOO_LARGE",
                "The volume has \(voxels) voxels, more than \(limits.maximumVoxels).",
                hint: "Send a reconstruction with fewer or thicker slices, or raise admission.maximum_voxels."
            )
        }
    }

    private mutating func examinePixelSpacing() {
        let spacings = unique.flatMap { headers[$0].frames.compactMap(\.pixelSpacing) }
        guard let first = spacings.first else { return }
        let tolerance = limits.pixelSpacingToleranceFraction
        let varies = spacings.contains {
            abs($0.betweenRows - first.betweenRows) > tolerance * first.betweenRows
                || abs($0.betweenColumns - first.betweenColumns) > tolerance * first.betweenColumns
        }
        if varies {
            refuse(
                "E_MIXED_GRID",
                "Pixel Spacing varies between the slices.",
                hint: "Send one reconstruction at a time."
            )
        }
        let allowed = limits.minimumPixelSpacingMM...limits.maximumPixelSpacingMM
        if !allowed.contains(first.betweenRows) || !allowed.contains(first.betweenColumns) {
            refuse(
                "E_PIXEL_SPACING",
                "A pixel spacing of \(first.betweenRows) x \(first.betweenColumns) mm is outside \(allowed.lowerBound) to \(allowed.upperBound) mm.",
                hint: "Send the original CT images."
            )
        }
        let ratio = max(first.betweenRows, first.betweenColumns) / min(first.betweenRows, first.betweenColumns)
        let text = "The pixels are not square: \(first.betweenRows) x \(first.betweenColumns) mm."
        if ratio > limits.maximumPixelRatio {
            refuse("E_NOT_SQUARE", text, hint: "Send the original axial images, not a reformat.")
        } else if ratio > limits.squarePixelRatio {
            warn("W_NOT_SQUARE", text)
        }
    }
}
