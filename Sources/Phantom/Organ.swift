/// What a point of the phantom belongs to.
///
/// Raw values are those of the label map that `contourctl phantom` writes; new organs go to the end.
package enum Organ: UInt8, Sendable, CaseIterable {
    case air, table, clothing, skin, fat, muscle
    case rib, costalCartilage, sternum, vertebra, disc, scapula, clavicle, humerus
    case lungLeft, lungRight
    /// Nodules and masses of the lung: they belong to the lung's contour.
    case tumourLeft, tumourRight
    /// Airless or filled lung (pneumonia, collapse), with pockets in it that have kept their air: it belongs to the lung's contour.
    case consolidationLeft, consolidationRight
    /// Fluid and air between lung and chest wall: they do not belong to the lung's contour.
    case effusion, pneumothorax
    /// Lumen of the trachea, of the main bronchi and of the bronchi in the hila; their wall is `airwayWall`.
    case airway, airwayWall
    case heart, myocardium, aorta, greatVessel, vein, pulmonaryVessel, lymphNode, thyroid
    case esophagus, esophagealAir, spinalCord, spinalCanal
    case mediastinalFat, diaphragm
    case liver, spleen, kidney, stomach, stomachGas, bowel, bowelGas, visceralFat
    case breast, metal
    case brain, skull, headAir

    /// Parts of the left lung as a contour for radiotherapy takes it.
    package static let leftLung: [Organ] = [.lungLeft, .tumourLeft, .consolidationLeft]
    /// Parts of the right lung as a contour for radiotherapy takes it.
    package static let rightLung: [Organ] = [.lungRight, .tumourRight, .consolidationRight]

    /// `lungLeft` or `lungRight` for the raw values of what belongs to that lung's contour, nil for all others.
    static let lungOfRawValue: [Organ?] = (0...UInt8.max).map { value in
        Organ(rawValue: value).flatMap {
            leftLung.contains($0) ? .lungLeft : rightLung.contains($0) ? .lungRight : nil
        }
    }

    /// Whether the organ belongs to the patient; metal implants do.
    package var isInBody: Bool { self != .air && self != .table && self != .clothing }
}

/// An organ and its attenuation at a point, HU before the scanner's blur and noise.
struct Tissue: Sendable {
    var organ: Organ
    var hu: Float

    static let air = Tissue(organ: .air, hu: -1000)
}
